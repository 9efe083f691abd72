//! What the site says exists, taken into the book.
//!
//! An inventory is as old as its question: what has changed since is not overruled by it. And a site that once forgets a host has
//! not lost it: a loss counts when two inventories in a row show it.

use std::collections::BTreeMap;

use argosy_model::State;

use super::Book;
use super::record::{Cause, Record, Trouble};
use crate::backend::{Host, Row};

/// How many inventories in a row must miss what they are to be believed about.
const BELIEVED: u8 = 2;

impl Book {
    /// Takes in an inventory that was asked for at revision `asked`.
    pub(crate) fn observe(&mut self, rows: Vec<Row>, asked: u64) {
        let mut rows: BTreeMap<String, Row> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        let known: Vec<String> = self.records.keys().cloned().collect();
        for id in known {
            let row = rows.remove(&id);
            let Some(record) = self.records.get_mut(&id) else { continue };
            if record.offer.is_none() && row.is_none() {
                continue;
            }
            let fresh = record.revision <= asked;
            let mut next = record.clone();
            next.see(row, fresh);
            if next != *record {
                // What only counts what was missed is no change that anybody is told of.
                let told = Record { missed: record.missed, ..next.clone() } != *record;
                *record = next;
                if told {
                    self.change(&id, |_| ());
                }
            }
        }
        for (id, row) in rows {
            let mut record = Record::stranger();
            record.appear(row);
            self.records.insert(id.clone(), record);
            self.change(&id, |_| ());
        }
    }
}

impl Record {
    /// What the inventory says of this machine; `fresh` when it was asked for after the machine's last change.
    fn see(&mut self, row: Option<Row>, fresh: bool) {
        let Some(row) = row else {
            if fresh && !self.gone && self.job.is_none() && self.misses() {
                self.vanish(true);
            }
            return;
        };
        if self.gone {
            self.appear(row);
            return;
        }
        self.offer = Some(row.offer);
        if !fresh || self.job.is_some() {
            return;
        }
        match (&self.host, row.host) {
            (Some(_), None) => {
                if self.misses() {
                    self.vanish(false);
                }
                return;
            }
            (None, Some(host)) if self.state == State::Speculative => {
                self.host = Some(host);
                self.last = Some(argosy_provider::contract::Kind::Create);
                self.rest();
            }
            (None, None) => {}
            // An inventory need not repeat how a host is reached.
            (Some(known), Some(host)) if known.reference == host.reference => {
                let known = known.clone();
                let address = host.address.or(known.address);
                let host_keys = if host.host_keys.is_empty() { known.host_keys } else { host.host_keys };
                self.host = Some(Host { address, host_keys, ..host });
            }
            (_, Some(host)) => self.host = Some(host),
        }
        self.missed = 0;
        let by_site = self.trouble.as_ref().is_some_and(|trouble| trouble.cause == Cause::Site);
        if row.failed.is_some() || by_site {
            self.trouble = row.failed.map(|text| Trouble { text, cause: Cause::Site });
            self.rest();
        }
    }

    fn misses(&mut self) -> bool {
        self.missed = self.missed.saturating_add(1);
        self.missed >= BELIEVED
    }
}
