//! Whole networks, made and taken away inside a network namespace of the test's own, with `ip` and `nft` as witnesses.

use super::*;
use crate::sys::{self, netns};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The host's address on its way out, and that of a machine out there.
const HOST: &str = "198.51.100.1";
const OUTSIDE: &str = "198.51.100.2";

/// A host in a namespace of its own, with one neighbour; the calling thread is in it.
struct Host {
    dir: tempfile::TempDir,
    outside: PathBuf,
}

impl Drop for Host {
    fn drop(&mut self) {
        // Before the directory: what is mounted can't be removed.
        let _when_the_test_failed = namespace::remove(&self.outside);
    }
}

/// Runs a test on a fresh host, in a thread of its own so that the harness stays where it is.
fn on_a_host(name: &str, test: fn(&Host)) {
    if sys::geteuid() != 0 {
        crate::skip::aloud(format!("{name}: making network namespaces needs root"));
        return;
    }
    let done = std::thread::spawn(move || {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        namespace::create(&outside).unwrap();
        netns::unshare_network().unwrap();
        run("ip link set lo up");
        run("ip link add up0 type veth peer name up1");
        // Else it gets an address of its own a second later, and the host looks changed.
        namespace::disable_ipv6("up0").unwrap();
        // By number: iproute2 takes names from its own directory only.
        move_into("up1", &outside);
        run(&format!("ip addr add {HOST}/24 dev up0"));
        run("ip link set up0 up");
        within(&outside, || {
            run(&format!("ip addr add {OUTSIDE}/24 dev up1"));
            run("ip link set up1 up");
        });
        run(&format!("ip route add default via {OUTSIDE}"));
        settle("up0");
        let host = Host { dir, outside };
        test(&host);
    });
    if let Err(panic) = done.join() {
        std::panic::resume_unwind(panic);
    }
}

fn run(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let output =
        Command::new(words[0]).args(&words[1..]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until the kernel has noticed that the other end of the cable is up.
fn settle(link: &str) {
    let up = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        run(&format!("ip -br link show {link}")).contains(" UP ")
    });
    assert!(up, "{link} does not come up");
}

fn move_into(link: &str, namespace: &Path) {
    let mut holder = within(namespace, || Command::new("sleep").arg("30").spawn().unwrap());
    run(&format!("ip link set {link} netns {}", holder.id()));
    holder.kill().unwrap();
    holder.wait().unwrap();
}

fn within<T>(namespace: &Path, body: impl FnOnce() -> T) -> T {
    namespace::inside(namespace, || Ok(body())).unwrap()
}

/// Everything of the host that a network could leave behind.
fn state() -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for command in ["ip -j link", "ip -j addr", "ip -j route show table all", "ip -j rule", "nft -j list ruleset"] {
        state.insert(command.to_owned(), run(command));
    }
    for entry in std::fs::read_dir("/proc/sys/net/ipv4/conf").unwrap().flatten() {
        for file in ["forwarding", "accept_redirects", "route_localnet", "rp_filter"] {
            let path = entry.path().join(file);
            state.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        }
    }
    state.insert("ip_forward".to_owned(), std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap());
    state
}

fn same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    for (what, value) in before {
        assert_eq!(Some(value), after.get(what), "{what}");
    }
    assert_eq!(before.len(), after.len());
}

/// The binary that the tests of the crate are built with; `None` when it is not there or is not up to it.
fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.parent()?.parent()?.join("rlab");
    let answers =
        Command::new(&program).args(["port-proxy", "nonsense"]).status().is_ok_and(|status| status.code() == Some(125));
    if !answers {
        crate::skip::aloud(format!("{} is not built yet", program.display()));
    }
    answers.then_some(program)
}

fn request(host: &Host, root: &str, id: &str, ports: &[&str]) -> Request {
    let root = host.dir.path().join(root);
    let run = root.join("run");
    std::fs::create_dir_all(&run).unwrap();
    Request {
        id: id.to_owned(),
        mode: Mode::Bridge,
        root,
        run,
        program: program().unwrap_or_default(),
        ports: ports.iter().flat_map(|port| parse_published(port).unwrap()).collect(),
        hostname: "web".to_owned(),
        dns: Dns::default(),
        extra_hosts: Vec::new(),
    }
}

struct Made {
    attached: Attached,
    resources: Vec<Resource>,
}

fn make(request: &Request) -> Made {
    let mut resources = Vec::new();
    let attached = create(request, &mut |resource| {
        resources.push(resource);
        Ok(())
    })
    .unwrap();
    Made { attached, resources }
}

fn undo(resources: &[Resource]) {
    for resource in resources.iter().rev() {
        // As the undo list stores it.
        let stored: Resource = serde_json::from_str(&serde_json::to_string(resource).unwrap()).unwrap();
        remove(&stored).unwrap();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for resource in self.resources.iter().rev() {
                let _as_much_as_goes = remove(resource);
            }
        }
    }
}

impl Made {
    fn netns(&self) -> &Path {
        self.attached.netns.as_deref().unwrap()
    }

    fn endpoint(&self) -> &Endpoint {
        self.attached.endpoint.as_ref().unwrap()
    }
}

/// Answers every connection with who asked, until the test ends.
fn serve_inside(netns: &Path, address: &str) {
    let listener = within(netns, || TcpListener::bind(address).unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let peer = client.peer_addr().unwrap().ip();
            let _gone = write!(client, "{peer}");
        }
    });
}

fn ask(address: &str) -> std::io::Result<String> {
    let address: SocketAddr = address.parse().unwrap();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_network_is_what_ip_says_it_is_and_leaves_nothing() {
    on_a_host("a whole network", |host| {
        let before = state();
        let made = make(&request(host, "a", "one", &[]));
        let Endpoint { ip, gateway, mac, bridge, .. } = made.endpoint();
        let (links, routes) = within(made.netns(), || (run("ip -j addr"), run("ip -j route")));
        let links: serde_json::Value = serde_json::from_str(&links).unwrap();
        assert_eq!((links[0]["ifname"].as_str(), links[0]["operstate"].as_str()), (Some("lo"), Some("UNKNOWN")));
        assert_eq!(links[1]["ifname"], "eth0");
        assert_eq!(links[1]["address"], mac.as_str());
        assert_eq!(links[1]["addr_info"].as_array().unwrap().len(), 1, "IPv4 only: {links}");
        assert_eq!(links[1]["addr_info"][0]["local"], ip.to_string());
        assert_eq!(links[1]["addr_info"][0]["broadcast"], "172.30.0.255");
        let routes: serde_json::Value = serde_json::from_str(&routes).unwrap();
        assert_eq!(
            (routes[0]["dst"].as_str(), routes[0]["gateway"].as_str()),
            (Some("default"), Some(gateway.to_string().as_str()))
        );
        let veth = run(&format!("ip -j link show master {bridge}"));
        assert!(veth.contains("\"veth") && veth.contains("\"UP\""), "{veth}");
        assert_ne!(before, state());
        undo(&made.resources);
        same(&before, &state());
        assert_eq!(std::fs::read_dir(host.dir.path().join("a/run/netns")).unwrap().count(), 0);
        assert_eq!(
            std::fs::read_dir(host.dir.path().join("a/run")).unwrap().count(),
            1,
            "only the empty netns directory"
        );
    });
}

#[test]
fn the_way_out_is_open_and_translated_and_the_way_in_is_shut() {
    on_a_host("the way out", |host| {
        let made = make(&request(host, "a", "one", &[]));
        let other = make(&request(host, "a", "two", &[]));
        serve_inside(&host.outside, "0.0.0.0:7000");
        serve_inside(made.netns(), "0.0.0.0:80");
        let inside = made.endpoint().ip;
        assert_eq!(within(made.netns(), || ask(&format!("{OUTSIDE}:7000"))).unwrap(), HOST);
        assert_eq!(within(other.netns(), || ask(&format!("{inside}:80"))).unwrap(), other.endpoint().ip.to_string());
        assert_eq!(ask(&format!("{inside}:80")).unwrap(), made.endpoint().gateway.to_string());
        let neighbour = within(&host.outside, || {
            run(&format!("ip route add 172.30.0.0/24 via {HOST}"));
            ask(&format!("{inside}:80"))
        });
        assert!(neighbour.is_err(), "an unpublished port was reached from outside: {neighbour:?}");
        undo(&made.resources);
        undo(&other.resources);
    });
}

#[test]
fn the_last_of_several_roots_and_containers_restores_the_host() {
    on_a_host("several roots", |host| {
        // As on a host that was hardened: the switch of forwarding would set it to 1 on its way back.
        std::fs::write("/proc/sys/net/ipv4/conf/all/accept_redirects", "0").unwrap();
        std::fs::write("/proc/sys/net/ipv4/conf/up0/forwarding", "1").unwrap();
        let before = state();
        let made = [("a", "one"), ("a", "two"), ("b", "one")].map(|(root, id)| make(&request(host, root, id, &[])));
        let ips: Vec<String> = made.iter().map(|made| made.endpoint().ip.to_string()).collect();
        assert_eq!(ips, ["172.30.0.2", "172.30.0.3", "172.30.1.2"]);
        undo(&made[0].resources);
        assert!(run("ip -br link").contains(&made[1].endpoint().bridge));
        undo(&made[1].resources);
        assert!(!run("ip -br link").contains(&made[1].endpoint().bridge));
        assert_eq!(run("cat /proc/sys/net/ipv4/ip_forward").trim(), "1");
        undo(&made[2].resources);
        same(&before, &state());
    });
}

#[test]
fn a_host_that_forwards_already_goes_on_forwarding() {
    on_a_host("a forwarding host", |host| {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        let made = make(&request(host, "a", "one", &[]));
        // Someone else's setting of one link, meanwhile: none of rlab's business, since it switched nothing on.
        std::fs::write("/proc/sys/net/ipv4/conf/up0/forwarding", "0").unwrap();
        undo(&made.resources);
        assert_eq!(run("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/up0/forwarding"), "1\n0\n");
    });
}

#[test]
fn killed_at_any_point_it_leaves_a_list_that_is_enough() {
    on_a_host("killed at any point", |host| {
        let before = state();
        let ports: &[&str] = if program().is_some() { &["8080:80", "5353:53/udp"] } else { &[] };
        let whole = make(&request(host, "a", "one", ports)).resources.clone();
        undo(&whole);
        for survivors in 0..whole.len() {
            let (mut resources, mut proxies) = (Vec::new(), Vec::new());
            let killed = create(&request(host, "a", "one", ports), &mut |resource| {
                if resources.len() == survivors {
                    proxies.extend(match resource {
                        Resource::Proxy { pid, .. } => Some(pid),
                        _ => None,
                    });
                    return Err(std::io::Error::other("killed here"));
                }
                resources.push(resource);
                Ok(())
            });
            assert!(matches!(killed, Err(Error::Journal(_))), "{killed:?}");
            undo(&resources);
            // Twice, as when the clean-up itself is killed.
            undo(&resources);
            same(&before, &state());
            for pid in proxies {
                let gone = (0..50).any(|_| {
                    std::thread::sleep(Duration::from_millis(20));
                    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
                });
                assert!(gone, "a proxy that is on no list lives on");
            }
        }
    });
}

#[test]
fn a_published_port_is_reached_from_everywhere() {
    on_a_host("published ports", |host| {
        if program().is_none() {
            return;
        }
        let before = state();
        let made = make(&request(host, "a", "one", &["8080:80", "80", "127.0.0.1:8081:80", "5353:53/udp"]));
        serve_inside(made.netns(), "0.0.0.0:80");
        let gateway = made.endpoint().gateway.to_string();
        assert_eq!(ask("127.0.0.1:8080").unwrap(), gateway);
        assert_eq!(ask("[::1]:8080").unwrap(), gateway);
        assert_eq!(ask("127.0.0.1:8081").unwrap(), gateway);
        assert_eq!(ask(&format!("{HOST}:8080")).unwrap(), HOST);
        let chosen = made.endpoint().ports[1].host_port;
        assert_eq!(ask(&format!("127.0.0.1:{chosen}")).unwrap(), gateway);
        assert_eq!(
            within(&host.outside, || ask(&format!("{HOST}:8080"))).unwrap(),
            OUTSIDE,
            "its own address is seen inside"
        );
        assert!(within(&host.outside, || ask(&format!("{HOST}:8081"))).is_err());
        assert_eq!(
            within(made.netns(), || ask(&format!("{HOST}:8080"))).unwrap(),
            gateway,
            "it reaches itself over the host"
        );
        udp_echo(made.netns());
        undo(&made.resources);
        // Nobody listens any more: a client would else be taken in and then hang.
        let _free = TcpListener::bind("0.0.0.0:8080").unwrap();
        same(&before, &state());
    });
}

fn udp_echo(netns: &Path) {
    let server = within(netns, || UdpSocket::bind("0.0.0.0:53").unwrap());
    std::thread::spawn(move || {
        let mut datagram = [0; 64];
        let (length, from) = server.recv_from(&mut datagram).unwrap();
        server.send_to(&datagram[..length], from).unwrap();
    });
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    client.send_to(b"hello", "127.0.0.1:5353").unwrap();
    let mut answer = [0; 64];
    assert_eq!(client.recv(&mut answer).unwrap(), 5);
}

#[test]
fn a_taken_port_is_refused_by_name_and_a_range_goes_on() {
    on_a_host("a taken port", |host| {
        if program().is_none() {
            return;
        }
        let before = state();
        let _taken = TcpListener::bind("0.0.0.0:8080").unwrap();
        let mut resources = Vec::new();
        let refused = create(&request(host, "a", "one", &["8080:80"]), &mut |resource| {
            resources.push(resource);
            Ok(())
        });
        let error = refused.unwrap_err();
        let own = format!("(process {})", std::process::id());
        assert!(
            matches!(&error, Error::PortTaken { port: 8080, holder: Some(holder), .. } if holder.ends_with(&own)),
            "{error}"
        );
        undo(&resources);
        same(&before, &state());
        let made = make(&request(host, "a", "one", &["8080-8082:80"]));
        assert_eq!(made.endpoint().ports[0].host_port, 8081);
        undo(&made.resources);
    });
}

#[test]
fn behind_a_firewall_that_drops_published_ports_still_work() {
    on_a_host("a firewall that drops", |host| {
        if program().is_none() {
            return;
        }
        run("nft add table ip filter");
        run("nft add chain ip filter FORWARD { type filter hook forward priority filter ; policy drop ; }");
        let before = state();
        let made = make(&request(host, "a", "one", &["8080:80"]));
        serve_inside(made.netns(), "0.0.0.0:80");
        assert_eq!(
            within(&host.outside, || ask(&format!("{HOST}:8080"))).unwrap(),
            made.endpoint().gateway.to_string()
        );
        undo(&made.resources);
        same(&before, &state());
    });
}

#[test]
fn none_is_loopback_alone_and_host_is_nothing() {
    on_a_host("none and host", |host| {
        let before = state();
        let none = make(&Request { mode: Mode::None, ..request(host, "a", "one", &[]) });
        let links = within(none.netns(), || run("ip -br link"));
        assert!(links.lines().all(|line| line.starts_with("lo") || line.contains("DOWN")), "{links}");
        assert!(within(none.netns(), || TcpListener::bind("127.0.0.1:0").is_ok()));
        same(&before, &state());
        undo(&none.resources);
        let hosts = make(&Request { mode: Mode::Host, ..request(host, "a", "two", &[]) });
        assert_eq!((&hosts.attached.netns, hosts.resources.len()), (&None, 0));
    });
}

#[test]
fn without_nft_nothing_is_made_and_the_package_is_named() {
    on_a_host("no nft", |host| {
        let before = state();
        // A thread may have mounts of its own: those of the other tests stay as they are.
        sys::unshare(sys::CLONE_NEWNS, "CLONE_NEWNS").unwrap();
        run("mount --make-rprivate /");
        run("mount -t tmpfs none /usr/sbin");
        let mut resources = Vec::new();
        let refused = create(&request(host, "a", "one", &[]), &mut |resource| {
            resources.push(resource);
            Ok(())
        });
        undo(&resources);
        run("umount /usr/sbin");
        let error = refused.unwrap_err();
        assert!(error.hint().unwrap().starts_with("apt install nftables"), "{error}");
        same(&before, &state());
    });
}
