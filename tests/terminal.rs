//! `rlab run -it` as someone at a terminal meets it.

use crate::harness::host::{Inventory, alone};
use crate::harness::terminal::{CTRL_C, CTRL_D};
use crate::harness::{Rlab, need};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_shell_in_a_terminal() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let (_turn, rlab) = (alone(), Rlab::new());
    rlab.run(&["run", "--rm", "lab", "true"]).succeeded();
    let before = Inventory::take(&[&rlab.root()]);
    let mut terminal = rlab.terminal(&["run", "--rm", "-it", "-h", "web", "lab", "sh"]);
    terminal.type_in("size\r");
    terminal.wait_for("24 rows 80 columns", SOON);
    terminal.resize(132, 43);
    terminal.type_in("size\r");
    terminal.wait_for("43 rows 132 columns", SOON);
    // Ctrl-C ends what runs in the foreground, and neither the shell nor rlab.
    terminal.type_in("sleep 1000\r");
    std::thread::sleep(Duration::from_millis(500));
    terminal.type_in(CTRL_C);
    terminal.type_in("echo still $$\r");
    terminal.wait_for("still 1", SOON);
    terminal.type_in("hostname\r");
    terminal.wait_for("web\r\n", SOON);
    terminal.type_in(CTRL_D);
    assert!(terminal.wait(SOON).success(), "{}", terminal.text());
    drop(terminal);
    before.assert_restored();
}

#[test]
fn the_size_is_told_while_a_program_runs() {
    need!(root());
    let (_turn, rlab) = (alone(), Rlab::new());
    let mut terminal = rlab.terminal(&["run", "--rm", "-it", "lab", "size", "-w"]);
    terminal.wait_for("24 rows 80 columns", SOON);
    terminal.resize(100, 30);
    terminal.wait_for("30 rows 100 columns", SOON);
    terminal.type_in(CTRL_C);
    assert!(terminal.wait(SOON).success(), "{}", terminal.text());
}
