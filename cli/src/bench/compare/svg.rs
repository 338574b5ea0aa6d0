//! Plots as inline SVG. Colours are classes of the page, so that they follow its scheme; all are drawn 420 wide,
//! which is legible on a telephone as well.

use std::fmt::Write;

/// Width of every plot.
const WIDTH: f64 = 420.0;

/// One bar: a runtime and its parts, each with the class of its shade.
pub(super) struct Bar {
    pub(super) name: &'static str,
    /// Lengths, one behind the other.
    pub(super) parts: Vec<f64>,
    /// The least and the most of all runs.
    pub(super) range: Option<(f64, f64)>,
    pub(super) text: String,
}

/// Bars below each other, from zero.
pub(super) fn bars(label: &str, bars: &[Bar]) -> String {
    const ROW: f64 = 46.0;
    const TOP: f64 = 4.0;
    let longest = bars.iter().map(|bar| bar.range.map_or(0.0, |(_, high)| high).max(bar.parts.iter().sum()));
    // The end of a range is a line, too.
    let scale = (WIDTH - 1.0) / longest.fold(0.0, f64::max).max(1e-12);
    let height = TOP + ROW * bars.len() as f64;
    let mut out = open(label, height);
    for (i, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * i as f64;
        text(&mut out, "name", 0.0, y + 14.0, "start", bar.name);
        text(&mut out, "value", WIDTH, y + 14.0, "end", &bar.text);
        let mut x = 0.0;
        for (shade, part) in bar.parts.iter().enumerate() {
            let width = (part * scale).max(if shade == 0 { 1.5 } else { 0.0 });
            rect(&mut out, &format!("{} shade{shade}", bar.name), (x, y + 21.0), (width, 15.0));
            x += width;
        }
        if let Some((low, high)) = bar.range {
            let (low, high) = (low * scale, high * scale);
            let middle = y + 28.5;
            line(&mut out, "range", (low, middle), (high, middle));
            line(&mut out, "range", (low, middle - 4.0), (low, middle + 4.0));
            line(&mut out, "range", (high, middle - 4.0), (high, middle + 4.0));
        }
    }
    out + "</svg>"
}

/// A line of a plot: a runtime and its points.
pub(super) struct Curve {
    pub(super) name: &'static str,
    /// Shares of all (below 1), and the latency that they did not exceed, seconds.
    pub(super) points: Vec<(f64, f64)>,
}

/// Latency by percentile, from the median on; both axes are logarithmic, so that the tail has room.
pub(super) fn curves(label: &str, curves: &[Curve]) -> String {
    const LEFT: f64 = 58.0;
    const TOP: f64 = 10.0;
    const BOTTOM: f64 = 210.0;
    const RIGHT: f64 = WIDTH - 16.0;
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let nines = |share: f64| 0.5_f64.log10() - (1.0 - share).log10();
    let most_nines = points().map(|&(share, _)| nines(share)).fold(0.5, f64::max);
    let (low, high) =
        points().fold((f64::INFINITY, 0.0_f64), |(low, high), &(_, y)| (low.min(y), high.max(y)));
    let (low, high) = if high > 0.0 { (low.max(1e-7), high.max(1e-7)) } else { (1e-6, 1e-3) };
    let (bottom, top) = (low.log10() - 0.05, (high.log10() + 0.05).max(low.log10() + 0.3));
    let x = |share: f64| LEFT + (RIGHT - LEFT) * nines(share) / most_nines;
    let y = |seconds: f64| BOTTOM - (BOTTOM - TOP) * ((seconds.max(1e-7).log10() - bottom) / (top - bottom));
    let mut out = open(label, BOTTOM + 26.0);
    // Every 1, 2 and 5 where there is room for them, else powers of ten.
    let steps: &[f64] = if top - bottom > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    for power in bottom.floor() as i32..=top.ceil() as i32 {
        for step in steps {
            let seconds = step * 10_f64.powi(power);
            if (bottom..=top).contains(&seconds.log10()) {
                line(&mut out, "grid", (LEFT, y(seconds)), (RIGHT, y(seconds)));
                text(&mut out, "tick", LEFT - 7.0, y(seconds) + 4.0, "end", &short(seconds));
            }
        }
    }
    for (share, name) in
        [(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")]
    {
        if nines(share) <= most_nines + 1e-9 {
            line(&mut out, "grid", (x(share), TOP), (x(share), BOTTOM));
            text(&mut out, "tick", x(share), BOTTOM + 18.0, "middle", name);
        }
    }
    for curve in curves {
        let path: Vec<String> = curve
            .points
            .iter()
            .map(|&(share, seconds)| format!("{:.1},{:.1}", x(share), y(seconds)))
            .collect();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<polyline class=\"{0} curve\" points=\"{1}\"><title>{0}</title></polyline>",
            curve.name,
            path.join(" ")
        );
    }
    out + "</svg>"
}

/// `20 µs`, `1 ms`
fn short(seconds: f64) -> String {
    let (n, unit) = match seconds {
        s if s < 0.999e-3 => (s * 1e6, "µs"),
        s if s < 0.999 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    format!("{} {unit}", (n * 10.0).round() / 10.0)
}

fn open(label: &str, height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escape(label))
}

fn text(out: &mut String, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
    let text = escape(text);
    let _ = write!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

fn rect(out: &mut String, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let _ = write!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\"/>"
    );
}

fn line(out: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ =
        write!(out, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
}

/// Text as it stands in a page.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All values of an attribute.
    fn attributes(svg: &str, name: &str) -> Vec<f64> {
        let begin = format!(" {name}=\"");
        let parts = svg.split(&begin).skip(1);
        parts.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_values_and_stay_inside() {
        let bar =
            |name, parts: &[f64], range| Bar { name, parts: parts.to_vec(), range, text: "1 < 2".into() };
        let svg = bars("a", &[bar("avx", &[50.0, 50.0], None), bar("smol", &[50.0], Some((40.0, 200.0)))]);
        assert_eq!(attributes(&svg, "width"), [104.8, 104.8, 104.8]);
        assert!(attributes(&svg, "x2").into_iter().all(|x| x <= WIDTH));
        assert!(svg.contains("1 &lt; 2") && svg.ends_with("</svg>"));
        // Nothing to show is no division by nothing.
        assert!(!bars("a", &[bar("avx", &[0.0], None)]).contains("NaN"));
    }

    #[test]
    fn curves_rise_to_the_right_and_their_axes_are_named() {
        let curve = Curve { name: "avx", points: vec![(0.5, 50e-6), (0.9, 100e-6), (0.999, 3e-3)] };
        let svg = curves("a", &[curve]);
        for tick in ["50 µs", "1 ms", "99.9 %"] {
            assert!(svg.contains(&format!(">{tick}<")), "{tick} {svg}");
        }
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        let points: Vec<(f64, f64)> = points
            .split(' ')
            .map(|point| point.split_once(',').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        assert!(points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 > w[1].1), "{points:?}");
        assert!(!curves("a", &[Curve { name: "avx", points: Vec::new() }]).contains("NaN"));
    }
}
