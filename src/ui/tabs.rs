//! The first row: the screens, and how busy the machine is.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::brush::{Brush, after};
use super::format;
use crate::app::{App, Tab};
use crate::jobs::Machine;

pub fn render(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let full: usize = Tab::ALL.iter().map(|tab| tab.title().len() + 4).sum();
    let has_room = usize::from(area.width) >= full;
    let mut rest = area;
    for tab in Tab::ALL {
        let is_open = tab == app.tab;
        let number = tab.index() + 1;
        let text = if has_room || is_open { format!(" {number} {} ", tab.title()) } else { format!(" {number} ") };
        let style = if is_open { theme.tab() } else { theme.dim() };
        let used = brush.text(rest, &text, style);
        rest = after(rest, used);
    }
    if let Some(machine) = &app.machine {
        load(machine, rest, brush);
    }
}

/// The longest of three ways to say it that fits.
fn load(machine: &Machine, area: Rect, brush: &mut Brush<'_>) {
    let texts = [long(machine), middle(machine), short(machine)];
    if let Some(text) = texts.iter().find(|text| text.width() < usize::from(area.width)) {
        brush.right(area, text, brush.theme.dim());
    }
}

fn long(machine: &Machine) -> String {
    let of = |used: u64, total: u64| format!("{} of {}", format::bytes(used), format::bytes(total));
    let gpu = machine.gpu.as_ref().map_or_else(String::new, |gpu| {
        format!("   {} {:.0} %  {}", gpu.name, gpu.percent, of(gpu.memory_used, gpu.memory_total))
    });
    let memory = of(machine.memory_used, machine.memory_total);
    format!("CPU {:.0} %   memory {memory}{gpu} ", machine.cpu_percent)
}

fn middle(machine: &Machine) -> String {
    let gpu = machine.gpu.as_ref().map_or_else(String::new, |gpu| format!(" GPU {:.0}%", gpu.percent));
    format!("CPU {:.0}% MEM {:.0}%{gpu} ", machine.cpu_percent, machine.memory_percent())
}

fn short(machine: &Machine) -> String {
    format!("CPU {:.0}% ", machine.cpu_percent)
}
