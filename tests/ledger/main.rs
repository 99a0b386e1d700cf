//! The ledger through its public face: restarts, damage, reports.

mod fixture;

mod files;
mod kill;
mod replay;
mod report;
mod restart;
