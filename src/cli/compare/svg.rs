//! The times as a picture for a page: readable at 390 pixels, on white and on black.
//!
//! Text and axis take the page's colour where the picture stands in it; where it is a document of its own (`svg:root`) they
//! follow prefers-color-scheme. The two sides have a colour and a shape each, so that the colours are not needed.

use super::chart::Axis;
use super::units::with_unit;
use crate::vm::compare::report::{Measure, Report, Unit};
use crate::vm::compare::statistics::Summary;
use std::fmt::Write;

const WIDTH: f64 = 390.0;
const LEFT: f64 = 16.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 76.0;
/// A measurement: its name, and a line for each side.
const BLOCK: f64 = 82.0;
const LANE: f64 = 26.0;

const STYLE: &str = "\
svg:root { color: #1b1f24; }
@media (prefers-color-scheme: dark) { svg:root { color: #e6e9ec; } }
text { fill: currentColor; font: 13px system-ui, sans-serif; }
.title { font-size: 15px; font-weight: 600; }
.name { font-weight: 600; }
.small { font-size: 12px; opacity: .85; }
.tick { stroke: currentColor; opacity: .25; }
.container { fill: #2f7fd6; stroke: #2f7fd6; fill-opacity: .6; }
.machine { fill: #d2691e; stroke: #d2691e; fill-opacity: .6; }
";

/// The picture.
pub fn draw(report: &Report) -> String {
    let times: Vec<&Measure> = report.measures.iter().filter(|measure| measure.unit == Unit::Seconds).collect();
    let all = times.iter().flat_map(|measure| measure.container.iter().chain(&measure.machine)).copied();
    let axis = Axis::over(all);
    let end = TOP + BLOCK * times.len() as f64;
    let height = end + 78.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" role=\"img\" \
         aria-labelledby=\"title desc\" style=\"max-width:100%;height:auto\">\n<title id=\"title\">{title}</title>\n\
         <desc id=\"desc\">{description}</desc>\n<style>\n{STYLE}</style>\n",
        title = escaped(&title(report)),
        description = escaped(&description(&times)),
    );
    put(&mut svg, "title", LEFT, 24.0, &title(report));
    legend(&mut svg);
    if let Some(axis) = axis {
        ticks(&mut svg, &axis, end);
        for (at, measure) in times.iter().enumerate() {
            block(&mut svg, &axis, measure, TOP + BLOCK * at as f64);
        }
    }
    for (line, text) in circumstances(report).iter().enumerate() {
        put(&mut svg, "small", LEFT, end + 34.0 + 16.0 * line as f64, text);
    }
    svg + "</svg>\n"
}

fn title(report: &Report) -> String {
    format!("{}: container and virtual machine", shortened(&report.image, 18))
}

/// For those who hear the picture.
fn description(times: &[&Measure]) -> String {
    let told = |measure: &&Measure| {
        let median = |samples: &[f64]| {
            Summary::of(samples).map_or("not measured".to_owned(), |found| with_unit(Unit::Seconds, found.median))
        };
        format!(
            "{}: container {}, virtual machine {}.",
            measure.name,
            median(&measure.container),
            median(&measure.machine)
        )
    };
    times.iter().map(told).collect::<Vec<_>>().join(" ")
}

fn circumstances(report: &Report) -> [String; 3] {
    let accelerator = match report.machine.accelerator.as_deref() {
        Some("kvm") => "KVM",
        Some("tcg") => "software emulation, not KVM",
        other => other.unwrap_or("not measured"),
    };
    let (runs, plural) = (report.runs, if report.runs == 1 { "" } else { "s" });
    [
        format!("virtual machine by {accelerator}"),
        shortened(&format!("{runs} run{plural} each, all drawn; first byte: {}", report.started), 54),
        shortened(&format!("Linux {} on {}", report.host.kernel, report.host.cpu), 54),
    ]
}

fn legend(svg: &mut String) {
    let y = 46.0;
    let _infallible = writeln!(svg, "<circle class=\"container\" cx=\"{}\" cy=\"{}\" r=\"5\"/>", LEFT + 6.0, y - 4.0);
    put(svg, "", LEFT + 18.0, y, "container");
    let _infallible = writeln!(svg, "{}", diamond(LEFT + 116.0, y - 4.0));
    put(svg, "", LEFT + 128.0, y, "virtual machine");
}

fn ticks(svg: &mut String, axis: &Axis, end: f64) {
    for (place, label) in axis.ticks() {
        let x = x_of(place);
        let _infallible = writeln!(
            svg,
            "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{end:.1}\"/>",
            TOP - 12.0
        );
        // The outermost labels stand inside of their ticks, so that none is cut off.
        let anchor = match place {
            0.0 => "start",
            1.0 => "end",
            _ => "middle",
        };
        let _infallible = writeln!(
            svg,
            "<text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
            end + 14.0
        );
    }
}

fn block(svg: &mut String, axis: &Axis, measure: &Measure, top: f64) {
    put(svg, "name", LEFT, top, measure.name.trim());
    for (lane, (samples, is_machine)) in [(&measure.container, false), (&measure.machine, true)].iter().enumerate() {
        let y = top + 16.0 + LANE * lane as f64;
        for sample in samples.iter() {
            let x = x_of(axis.place(*sample));
            let dot = if *is_machine {
                diamond(x, y)
            } else {
                format!("<circle class=\"container\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>")
            };
            svg.push_str(&dot);
            svg.push('\n');
        }
        if let Some(found) = Summary::of(samples) {
            label(svg, axis, &found, y + 4.5);
        } else {
            put(svg, "small", LEFT, y + 4.5, "not measured");
        }
    }
}

/// The median beside the dots: on their right, or where that is the edge, on their left.
fn label(svg: &mut String, axis: &Axis, found: &Summary, y: f64) {
    let right = x_of(axis.place(found.most)) + 10.0;
    let text = with_unit(Unit::Seconds, found.median);
    let (x, anchor) =
        if right < WIDTH - 76.0 { (right, "start") } else { (x_of(axis.place(found.least)) - 10.0, "end") };
    let _infallible = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn x_of(place: f64) -> f64 {
    LEFT + place.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn diamond(x: f64, y: f64) -> String {
    format!("<path class=\"machine\" d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6z\"/>", y - 6.0)
}

fn put(svg: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _infallible = writeln!(svg, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
