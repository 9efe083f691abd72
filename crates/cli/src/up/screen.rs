//! The live view: regions and leaders, machines by state, needs, rates and the last reasons, drawn in the terminal.

use std::io::{self, Stdout};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};

use super::frame::Frame;

/// The terminal while it shows the fleet; it is put back when this is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(io::stdout()))? })
    }

    /// Draws one look.
    pub(crate) fn draw(&mut self, frame: &Frame) -> io::Result<()> {
        self.terminal.draw(|canvas| draw(canvas, frame)).map(|_| ())
    }

    /// Whether Ctrl-C or q was pressed since the last look; in raw mode Ctrl-C is a key, not a signal.
    pub(crate) fn quit_pressed(&mut self) -> io::Result<bool> {
        let mut quit = false;
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()? {
                let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                quit |= interrupt || key.code == KeyCode::Char('q');
            }
        }
        Ok(quit)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that cannot be put back cannot be told so either.
        let _gone = disable_raw_mode();
        let _gone = execute!(io::stdout(), LeaveAlternateScreen);
    }
}

fn draw(canvas: &mut ratatui::Frame<'_>, frame: &Frame) {
    let rows = Constraint::Length;
    let nodes = u16::try_from(frame.nodes.len()).unwrap_or(u16::MAX).saturating_add(3);
    let shards = u16::try_from(frame.shards.len()).unwrap_or(u16::MAX).saturating_add(3);
    let story = match frame.story.len() {
        0 => 0,
        told => u16::try_from(told).unwrap_or(u16::MAX).saturating_add(2),
    };
    let areas = Layout::vertical([rows(1), rows(nodes), rows(shards), rows(5), rows(story), Constraint::Min(3)])
        .split(canvas.area());
    canvas.render_widget(title(frame), areas[0]);
    draw_nodes(canvas, frame, areas[1]);
    draw_shards(canvas, frame, areas[2]);
    canvas.render_widget(totals(frame), areas[3]);
    let told: Vec<Line<'_>> = frame.story.iter().map(|text| Line::from(text.as_str())).collect();
    canvas.render_widget(Paragraph::new(told).block(Block::bordered().title(" a GPU breaks ")), areas[4]);
    let recent: Vec<Line<'_>> = frame.recent.iter().map(|text| Line::from(text.as_str())).collect();
    canvas.render_widget(Paragraph::new(recent).block(Block::bordered().title(" last decisions ")), areas[5]);
}

fn title(frame: &Frame) -> Paragraph<'_> {
    let seconds = frame.elapsed.as_secs();
    let mut spans = vec![Span::styled(
        format!(" argosy  {:02}:{:02}  {} leader changes ", seconds / 60, seconds % 60, frame.leader_changes()),
        Style::new().add_modifier(Modifier::BOLD),
    )];
    if let Some(fault) = &frame.fault {
        spans.push(Span::styled(format!(" {fault} "), Style::new().fg(Color::Black).bg(Color::Yellow)));
    }
    spans.push(match frame.violations.first() {
        None => Span::styled(" invariants hold ", Style::new().fg(Color::Green)),
        Some(broken) => Span::styled(format!(" BROKEN {broken} "), Style::new().fg(Color::White).bg(Color::Red)),
    });
    Paragraph::new(Line::from(spans))
}

fn draw_nodes(canvas: &mut ratatui::Frame<'_>, frame: &Frame, area: Rect) {
    let rows = frame.nodes.iter().map(|node| {
        let (word, colour) = if node.up { ("up", Color::Green) } else { ("down", Color::Red) };
        Row::new([
            Cell::from(node.id.as_str()),
            Cell::from(word).style(Style::new().fg(colour)),
            Cell::from(node.leads.join(" ")),
        ])
    });
    let widths = [Constraint::Length(8), Constraint::Length(6), Constraint::Min(20)];
    let table =
        Table::new(rows, widths).header(header(["node", "", "leads"])).block(Block::bordered().title(" nodes "));
    canvas.render_widget(table, area);
}

fn draw_shards(canvas: &mut ratatui::Frame<'_>, frame: &Frame, area: Rect) {
    let rows = frame.shards.iter().map(|shard| {
        let numbers =
            [shard.term, shard.revision, shard.machines, shard.configured, shard.needs, shard.short, shard.open];
        let cells = [shard.id.clone(), shard.leader.clone()].into_iter().chain(numbers.map(|n| n.to_string()));
        Row::new(cells.collect::<Vec<_>>())
    });
    let names = ["shard", "leader", "term", "revision", "machines", "configured", "needs", "short", "open"];
    let widths = names.map(|name| Constraint::Length(u16::try_from(name.len()).unwrap_or(8).max(8)));
    let table = Table::new(rows, widths).header(header(names)).block(Block::bordered().title(" shards "));
    canvas.render_widget(table, area);
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().add_modifier(Modifier::DIM))
}

fn totals(frame: &Frame) -> Paragraph<'_> {
    let list = |map: &std::collections::BTreeMap<String, u64>| {
        map.iter().map(|(key, count)| format!("{key} {count}")).collect::<Vec<_>>().join("  ")
    };
    let (needs, short) = frame.needs;
    let covered = (needs - short.min(needs)).saturating_mul(100).checked_div(needs).unwrap_or(100);
    let lines = vec![
        Line::from(format!("machines  {}", list(&frame.machines))),
        Line::from(format!(
            "demand    {} pods, {needs} needs, {covered} % covered or on the way, {short} short; {} roll-ups acknowledged",
            frame.traffic.pods, frame.traffic.rollups_acknowledged
        )),
        Line::from(format!("actions   {}  ({:.1}/s)", list(&frame.actions), frame.actions_per_s)),
    ];
    Paragraph::new(lines).block(Block::bordered().title(" fleet "))
}
