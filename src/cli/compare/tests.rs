//! The views of one comparison, with numbers that were not measured.

use super::{svg, table};
use crate::vm::compare::published::figures;
use crate::vm::compare::report::*;

fn measure(id: &'static str, part: Part, unit: Unit, container: &[f64], machine: &[f64]) -> Measure {
    let name = match id {
        "start" => "start: first byte said",
        "http" => "start: first HTTP answer",
        "pss" => "memory of all processes (PSS)",
        "syscall" => "getppid(2), a call",
        other => other,
    };
    Measure { id, name, part, unit, how: "invented", container: container.to_vec(), machine: machine.to_vec() }
}

fn invented() -> Report {
    let side = |typed: &str, kernel: &str| SideFacts {
        typed: typed.to_owned(),
        kernel: Some(kernel.to_owned()),
        ..SideFacts::default()
    };
    let machine = SideFacts {
        accelerator: Some("tcg".to_owned()),
        qemu: Some("7.2.22".to_owned()),
        ..side("rlab vm run --rm -m 512m IMAGE", "6.1.0-9-cloud-amd64")
    };
    Report {
        v: VERSION,
        image: "nginx".to_owned(),
        command: vec![],
        started: "lab echo up".to_owned(),
        runs: 3,
        order: "ABBA",
        memory: "512m".to_owned(),
        measured_at: "2026-06-15T12:00:00Z".to_owned(),
        host: Host {
            kernel: "6.12.0".to_owned(),
            cpu: "A <fast> CPU".to_owned(),
            cpus: 2,
            memory_bytes: 16_000_000_000,
            load: 0.1,
            is_virtual: false,
            rlab: "0.1.0".to_owned(),
            debug_build: false,
        },
        container: side("rlab run --rm -m 512m IMAGE", "6.12.0"),
        machine,
        measures: vec![
            measure("start", Part::Time, Unit::Seconds, &[0.041, 0.038, 0.055], &[3.2, 3.1, 3.4]),
            measure("http", Part::Time, Unit::Seconds, &[0.09, 0.091, 0.089], &[9.99, 9.4, 9.7]),
            measure("pss", Part::Memory, Unit::Bytes, &[21.4e6, 21.9e6, 21.5e6], &[381e6, 380e6, 384e6]),
            measure("syscall", Part::Inside, Unit::Nanoseconds, &[103.0, 102.0, 104.0], &[577.0, 572.0, 583.0]),
        ],
        density: Density::default(),
        cautions: vec!["The machine's processor is imitated by software, instruction by instruction, so its times say nothing about KVM.".to_owned()],
        published: figures().into_iter().take(1).chain(figures().into_iter().last()).collect(),
    }
}

#[test]
fn the_table_is_read_without_colours_on_eighty_columns() {
    let text = table::text(&invented());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!("table", text);
}

#[test]
fn a_side_that_failed_is_empty_and_says_why() {
    let mut report = invented();
    report.machine.failed = Some("`rlab vm run` ended with exit status: 125: no QEMU here".to_owned());
    for measure in &mut report.measures {
        measure.machine.clear();
    }
    let text = table::text(&report);
    let row = text.lines().find(|line| line.contains("first byte said")).unwrap();
    assert!(row.contains("41 ms") && row.ends_with('–'), "{row}");
    assert!(text.contains("VM          not measured to the end: `rlab vm run` ended"), "{text}");
    assert!(svg::draw(&report).contains("not measured"));
}

/// The numbers of an attribute, wherever it stands.
fn numbers(svg: &str, name: &str) -> Vec<f64> {
    let attribute = format!(" {name}=\"");
    let parts = svg.split(&attribute).skip(1);
    parts.filter_map(|part| part.split('"').next()?.parse().ok()).collect()
}

#[test]
fn the_picture_holds_all_samples_inside_of_its_edges() {
    let report = invented();
    let drawn = svg::draw(&report);
    // Two measurements of time with three samples a side, and one of each shape in the legend.
    assert_eq!(drawn.matches("<circle class=\"container\"").count(), 6 + 1);
    assert_eq!(drawn.matches("<path class=\"machine\"").count(), 6 + 1);
    let xs = [numbers(&drawn, "x"), numbers(&drawn, "cx"), numbers(&drawn, "x1")].concat();
    assert!(xs.iter().all(|x| (10.0..=380.0).contains(x)), "{xs:?}");
    // Letters of 13 pixels are 7.5 wide at most, on average: no text reaches over the edge it grows towards.
    for text in drawn.split("<text").skip(1) {
        let x = numbers(text, "x")[0];
        let words = text.split_once('>').unwrap().1.split("</text>").next().unwrap();
        let wide = words.chars().count() as f64 * 6.6;
        let fits = match text.split(">").next().unwrap() {
            end if end.contains("anchor=\"end\"") => x - wide >= 0.0,
            middle if middle.contains("anchor=\"middle\"") => x - wide / 2.0 >= 0.0 && x + wide / 2.0 <= 390.0,
            _ => x + wide <= 396.0,
        };
        assert!(fits, "{words:?} at {x}");
    }
}

#[test]
fn the_picture_is_xml_whatever_the_host_is_called() {
    let drawn = svg::draw(&invented());
    assert!(drawn.contains("A &lt;fast&gt; CPU") && !drawn.contains("<fast>"), "{drawn}");
    assert!(drawn.contains("prefers-color-scheme: dark") && drawn.contains("fill: currentColor"));
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
}
