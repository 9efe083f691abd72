//! From files to a [`Config`]: read, parse with recovery, read the keys, apply the rules, report everything.

use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::check::{self, Findings};
use super::placement::Placement;
use super::problem::{Code, Problem, Report, Severity};
use super::schema::ServerFile;
use super::shape::{Reading, TableReader};
use super::source::{Place, Positions, Sources};
use super::value::HostPort;
use super::{Config, Security, check_placement};

/// A configuration without errors, and what to warn about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings only.
    pub report: Report,
}

/// Reads the configuration at `path`, and the placement file it names.
///
/// # Errors
/// Every problem of both files at once.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    load_with(path, &|path| std::fs::read(path))
}

/// [`load`] over any way of reading files; never panics, whatever the files hold.
///
/// # Errors
/// Every problem of both files at once.
pub fn load_with(path: &Path, read: &dyn Fn(&Path) -> std::io::Result<Vec<u8>>) -> Result<Loaded, Report> {
    let mut loading =
        Loading { sources: Sources::default(), positions: Positions::default(), problems: Vec::new(), read };
    let (file, whole_file) = loading.server_file(path);
    let Some(mut file) = file else { return Err(Report::new(loading.sources, loading.problems)) };
    loading.resolve_placement(path, &mut file, &whole_file);

    let mut found = Findings { positions: &loading.positions, whole_file, problems: Vec::new() };
    check::run(&file, &mut found);
    check_placement::run(&file, &mut found);
    loading.problems.append(&mut found.problems);

    let report = Report::new(loading.sources, loading.problems);
    let base = path.parent().unwrap_or(Path::new(""));
    match assemble(file, base) {
        Some(config) if report.errors() == 0 => Ok(Loaded { config, report }),
        _ => Err(report),
    }
}

struct Loading<'r> {
    sources: Sources,
    positions: Positions,
    problems: Vec<Problem>,
    read: &'r dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
}

impl Loading<'_> {
    /// The root file; each of its parts is there if it could be read.
    fn server_file(&mut self, path: &Path) -> (Option<ServerFile>, Place) {
        let (text, mut reading) = self.open(path, None);
        let place = Place { source: reading.source, span: 0..0 };
        let file = text.and_then(|text| {
            let table = parse(&mut reading, &text)?;
            TableReader::section(&mut reading, "", 0..0, table.get_ref())
        });
        self.close(reading);
        (file, place)
    }

    /// Fills `file.placement` from the file that `placement_file` names.
    fn resolve_placement(&mut self, path: &Path, file: &mut ServerFile, whole_file: &Place) {
        let (Some(named), Some(in_place)) = (file.placement_file.clone(), file.placement.clone()) else { return };
        let place = self.positions.nearest("placement_file").unwrap_or(whole_file).clone();
        match (named, in_place) {
            (Some(_), Some(_)) => {
                let message = "`placement_file` and `[placement]` exclude each other".to_owned();
                self.error(Code::Conflict, place, message, "remove one of them");
            }
            (None, None) => {
                let message = "neither `placement_file` nor `[placement]` is there".to_owned();
                self.error(Code::MissingKey, place, message, "say with one of them which shards there are");
            }
            (None, Some(_)) => {}
            (Some(named), None) => {
                let named = path.parent().unwrap_or(Path::new("")).join(named);
                file.placement = self.placement_file(&named, place).map(Some);
            }
        }
    }

    fn placement_file(&mut self, path: &Path, named_at: Place) -> Option<Placement> {
        let (text, mut reading) = self.open(path, Some(named_at));
        let placement = text.and_then(|text| {
            let table = parse(&mut reading, &text)?;
            TableReader::section(&mut reading, "placement", 0..0, table.get_ref())
        });
        self.close(reading);
        placement
    }

    /// Reads a file; one that cannot be read is a problem at the place that names it, or in itself if nothing does.
    fn open(&mut self, path: &Path, named_at: Option<Place>) -> (Option<String>, Reading) {
        let read = (self.read)(path).map_err(|e| e.to_string());
        let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(|e| format!("it is not UTF-8: {e}")));
        let source = self.sources.add(path, text.clone().unwrap_or_default());
        let place = named_at.unwrap_or(Place { source, span: 0..0 });
        let reading = Reading::new(source);
        match text {
            Ok(text) => (Some(text), reading),
            Err(reason) => {
                let message = format!("cannot read {}: {reason}", path.display());
                self.error(
                    Code::Unreadable,
                    place,
                    message,
                    "the path must name a UTF-8 text file that this user may read",
                );
                (None, reading)
            }
        }
    }

    fn close(&mut self, mut reading: Reading) {
        self.problems.append(&mut reading.problems);
        self.positions.absorb(reading.positions);
    }

    fn error(&mut self, code: Code, place: Place, message: String, advice: &str) {
        let advice = advice.to_owned();
        self.problems.push(Problem { severity: Severity::Error, code, place, message, advice });
    }
}

/// Parses with recovery: every syntax error is reported. What is left of a damaged text is not read, because a missing
/// quote would make every later key unknown.
fn parse<'t>(reading: &mut Reading, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let advice = "correct the TOML; the keys are checked once it is".to_owned();
        reading.error(Code::Syntax, span, error.message().to_owned(), advice);
    }
    errors.is_empty().then_some(table)
}

/// The configuration from its parts; `None` if one of them is missing, which has a problem of its own.
fn assemble(file: ServerFile, base: &Path) -> Option<Config> {
    let mut node = file.node?;
    node.data_dir = base.join(&node.data_dir);
    let advertise = node.advertise.clone().unwrap_or_else(|| HostPort::from(node.listen));
    let security = match file.tls? {
        None => Security::Plaintext,
        Some(mut tls) => {
            for path in [&mut tls.cert, &mut tls.key, &mut tls.ca] {
                *path = base.join(&*path);
            }
            Security::Tls(tls)
        }
    };
    let mut notify = file.notify?;
    notify.secrets = notify.secrets.map(|folder| base.join(folder));
    let mut join = file.join?;
    for path in [&mut join.authority, &mut join.authority_key].into_iter().flatten() {
        *path = base.join(&*path);
    }
    let peers = file.peers?.into_iter().filter(|peer| peer.id != node.id).collect();
    Some(Config {
        fleet: file.fleet?,
        node,
        advertise,
        security,
        metrics: file.metrics?,
        peers,
        placement: file.placement??,
        providers: file.providers?,
        raft: file.raft?,
        cycle: file.cycle?,
        listing: file.listing?,
        rails: file.rails?,
        idle_holds: file.idle_holds?,
        actuation: file.actuation?,
        sessions: file.sessions?,
        connections: file.connections?,
        notify,
        join,
        log: file.log?,
    })
}
