//! A plan as people read it.

use std::time::Duration;

use clf_fetch::{free_space, size};
use indicatif::HumanDuration;

use super::{Estimate, Need, TaskPlan};
use crate::{memory, paths};

/// The whole plan.
pub fn text(plan: &Estimate) -> String {
    let Estimate { method, scenario, model, device, .. } = plan;
    let head = format!("{method} on {scenario}, {model}, {device}");
    let blocks = [head, table(&plan.tasks), step(plan), time(plan), room(plan), data(&plan.needs), basis(plan)];
    blocks.join("\n")
}

fn table(tasks: &[TaskPlan]) -> String {
    let head = ["task", "classes", "train", "test", "steps"].map(str::to_owned);
    let row = |task: &TaskPlan| {
        let numbers = [task.classes, task.train, task.test, task.steps].map(|number| number.to_string());
        let [classes, train, test, steps] = numbers;
        [task.name.clone(), classes, train, test, steps]
    };
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(tasks.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(width);
    let line = |[name, classes, train, test, steps]: &[String; 5]| {
        format!("  {name:a$}  {classes:>b$}  {train:>c$}  {test:>d$}  {steps:>e$}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn step(plan: &Estimate) -> String {
    let batch = &plan.batch;
    if plan.steps == 0 {
        return format!("nothing is trained in steps; {:.1} M parameters", plan.parameters as f64 / 1e6);
    }
    let of_teacher = match batch.teacher_texts {
        0 => String::new(),
        texts => format!(", {texts} of {} for a teacher", batch.teacher_length),
    };
    let more = if batch.more_images == 0 { String::new() } else { format!(" + {}", batch.more_images) };
    format!(
        "a step: {}{more} images, up to {} texts of {} tokens{of_teacher}, {:.0} GFLOP; {:.1} of {:.1} M parameters are trained",
        batch.images,
        batch.texts,
        batch.length,
        plan.gflop_a_step,
        plan.trained as f64 / 1e6,
        plan.parameters as f64 / 1e6
    )
}

fn time(plan: &Estimate) -> String {
    let (Some(seconds), Some(total)) = (&plan.seconds, plan.total_seconds) else {
        return "time: no speed is recorded for this device; leave --dry out to measure".to_owned();
    };
    let cpu = plan.cpu_seconds.map(|cpu| format!(" ({cpu:.0} s of cores)")).unwrap_or_default();
    format!(
        "time: {}{cpu}: training {:.0} s ({} steps, up to {}), scoring {:.0} s ({} images, {} each), around tasks {:.0} s",
        duration(total),
        seconds.train,
        plan.steps,
        milliseconds(seconds.step),
        seconds.score,
        plan.scored_images,
        milliseconds(seconds.scored_image),
        seconds.open + seconds.around,
    )
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        HumanDuration(Duration::from_secs_f64(seconds)).to_string()
    }
}

fn milliseconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

/// Memory and disk, and whether they are there.
fn room(plan: &Estimate) -> String {
    let of_device = if plan.device == "cpu" { "" } else { " of this program, without that on the device" };
    let mut lines = Vec::new();
    if let Some(peak) = plan.peak_mib {
        let free = memory::available_mib();
        let more = free.filter(|free| *free < peak).map(|free| format!(": MORE than the {free:.0} MiB that are free"));
        lines.push(format!("memory: {peak:.0} MiB at its peak{of_device}{}", more.unwrap_or_default()));
    }
    let mut kinds: Vec<(&String, &u64)> = plan.disk.iter().collect();
    kinds.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
    let kinds: Vec<String> =
        kinds.into_iter().take(3).map(|(kind, bytes)| format!("{kind} {}", size(*bytes))).collect();
    let free = free_space(paths::nearest(&plan.folder));
    let more = free
        .filter(|free| *free < plan.disk_bytes + plan.checkpoint_bytes)
        .map(|free| format!(": MORE than the {} that are free", size(free)));
    let (bytes, folder) = (size(plan.disk_bytes), plan.folder.display());
    let meanwhile = match plan.checkpoint_bytes {
        0 => String::new(),
        bytes => format!(", and up to {} of checkpoints while it goes on", size(bytes)),
    };
    let more = more.unwrap_or_default();
    lines.push(format!("disk: {bytes} in {folder} ({}){meanwhile}{more}", kinds.join(", ")));
    lines.join("\n")
}

/// What is missing, or that nothing is.
fn data(needs: &[Need]) -> String {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return format!(
            "data: all there ({})",
            needs.iter().map(|need| need.name.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    let bytes: u64 = missing.iter().filter_map(|need| need.download).sum();
    let lines: Vec<String> = missing.iter().map(|need| format!("  {}", need.line())).collect();
    let download = if bytes == 0 { String::new() } else { format!(", {} to download", size(bytes)) };
    format!("data: {} of {} missing{download}; stand-ins were taken\n{}", missing.len(), needs.len(), lines.join("\n"))
}

fn basis(plan: &Estimate) -> String {
    match plan.measured {
        Some((steps, seconds)) => format!("from {steps} measured steps in {seconds:.0} s, peak memory included"),
        None => "by arithmetic and a recorded speed: right to a factor of about three; without --dry it is measured"
            .to_owned(),
    }
}
