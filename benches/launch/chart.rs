//! The medians as bars on a logarithmic scale.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::measure::{Figures, Workload};
use crate::sample::{Milliseconds, Sample};

const SIZE: (u32, u32) = (860, 430);
const SHORTEST_MS: f64 = 0.5;
const INK: RGBColor = RGBColor(40, 40, 40);
const PLAIN: RGBColor = RGBColor(148, 148, 158);
const COLD: RGBColor = RGBColor(203, 160, 90);
const WARM: RGBColor = RGBColor(64, 99, 216);
/// Heights on the vertical axis: a workload takes one, and each of its three bars a part of that.
const BAR: f64 = 0.24;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

pub fn draw(figures: &Figures, path: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (head, body) = area.split_vertically(58);
    let (body, foot) = body.split_vertically(SIZE.1 - 58 - 30);
    write(&head, (20, 22), "One launch, from start to end: median in milliseconds, logarithmic", 17)?;
    draw_legend(&head)?;
    write(&foot, (20, 10), &figures.machine, 12)?;
    let mut plane = prepare(figures, &body)?;
    for (index, workload) in figures.workloads.iter().rev().enumerate() {
        draw_workload(&mut plane, workload, f64::from(u32::try_from(index)?))?;
    }
    draw_yardstick(&mut plane, figures)?;
    area.present()?;
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn font(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn write(area: &Area<'_>, at: (i32, i32), text: &str, size: i32) -> Result<(), Box<dyn Error>> {
    area.draw_text(text, &font(size).pos(Pos::new(HPos::Left, VPos::Center)), at)?;
    Ok(())
}

fn draw_legend(area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let entries =
        [(PLAIN, "plain julia", 20), (COLD, "juliaclient, nothing running", 150), (WARM, "juliaclient, warm", 390)];
    for (color, text, x) in entries {
        area.draw(&Rectangle::new([(x, 42), (x + 14, 54)], color.filled()))?;
        write(area, (x + 20, 48), text, 14)?;
    }
    Ok(())
}

fn prepare<'a>(figures: &Figures, area: &Area<'a>) -> Result<Plane<'a>, Box<dyn Error>> {
    let count = f64::from(u32::try_from(figures.workloads.len())?);
    let longest =
        figures.workloads.iter().flat_map(|workload| [&workload.plain, &workload.cold]).map(Sample::median).max();
    // Room for the figure that stands beside the longest bar.
    let end = milliseconds(longest.unwrap_or_default()) * 3.0;
    let mut plane = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(26)
        .y_label_area_size(96)
        .build_cartesian_2d((SHORTEST_MS..end).log_scale(), 0.0..count)?;
    plane
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_label_formatter(&|value| format!("{value}"))
        .label_style(font(13))
        .draw()?;
    Ok(plane)
}

fn draw_workload(plane: &mut Plane<'_>, workload: &Workload, bottom: f64) -> Result<(), Box<dyn Error>> {
    let label = font(15).pos(Pos::new(HPos::Right, VPos::Center));
    write_beside(plane, (SHORTEST_MS, bottom + 0.5), (-10, 0), workload.name.to_owned(), label)?;
    let bars = [(&workload.warm, WARM), (&workload.cold, COLD), (&workload.plain, PLAIN)];
    for (index, (sample, color)) in (0u32..).zip(bars) {
        let low = bottom + 0.5 + (f64::from(index) - 1.5) * BAR;
        draw_bar(plane, sample.median(), low, color)?;
    }
    Ok(())
}

fn draw_bar(plane: &mut Plane<'_>, time: Duration, low: f64, color: RGBColor) -> Result<(), Box<dyn Error>> {
    let value = milliseconds(time);
    plane.draw_series([Rectangle::new([(SHORTEST_MS, low), (value, low + BAR * 0.86)], color.filled())])?;
    let beside = font(13).pos(Pos::new(HPos::Left, VPos::Center));
    write_beside(plane, (value, low + BAR * 0.43), (6, 0), Milliseconds(time).to_string(), beside)
}

/// A line across all workloads at what the system's smallest program takes.
fn draw_yardstick(plane: &mut Plane<'_>, figures: &Figures) -> Result<(), Box<dyn Error>> {
    let value = milliseconds(figures.empty.median());
    let top = f64::from(u32::try_from(figures.workloads.len())?);
    plane.draw_series([PathElement::new([(value, 0.0), (value, top)], INK.stroke_width(1))])?;
    let beside = font(13).pos(Pos::new(HPos::Left, VPos::Top));
    write_beside(plane, (value, top), (6, 0), format!("/bin/true {}", Milliseconds(figures.empty.median())), beside)
}

/// Text so many pixels away from a point of the plane.
fn write_beside(
    plane: &mut Plane<'_>,
    at: (f64, f64),
    pixels: (i32, i32),
    text: String,
    style: TextStyle<'static>,
) -> Result<(), Box<dyn Error>> {
    plane.draw_series([EmptyElement::at(at) + Text::new(text, pixels, style)])?;
    Ok(())
}
