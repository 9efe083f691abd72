//! The plain view: one line a look, for pipes and logs.

use super::frame::Frame;

/// Prints one look.
pub(crate) fn print(frame: &Frame) {
    for told in &frame.story[frame.story.len() - frame.news..] {
        println!("gpu  {told}");
    }
    let leaders: Vec<String> = frame.shards.iter().map(|shard| format!("{}@{}", shard.id, shard.leader)).collect();
    let machines: Vec<String> = frame.machines.iter().map(|(state, count)| format!("{state} {count}")).collect();
    let (needs, short) = frame.needs;
    let down: Vec<&str> = frame.nodes.iter().filter(|node| !node.up).map(|node| node.id.as_str()).collect();
    println!(
        "{:>6.1}s  {}  machines {}  needs {needs} short {short}  {:.1} actions/s  {}{}{}",
        frame.elapsed.as_secs_f64(),
        leaders.join(" "),
        machines.join(", "),
        frame.actions_per_s,
        frame.recent.first().map_or("", String::as_str).split_whitespace().collect::<Vec<_>>().join(" "),
        if down.is_empty() { String::new() } else { format!("  DOWN {}", down.join(" ")) },
        if frame.violations.is_empty() { String::new() } else { format!("  VIOLATED {}", frame.violations.join("; ")) },
    );
}
