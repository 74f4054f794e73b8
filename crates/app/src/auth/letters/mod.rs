//! Letters: put into the queue by the statement that makes them necessary, and sent by [`Auth::send_letters`],
//! which runs beside the requests. A letter waits out failures, but not beyond its deadline: a code that
//! would arrive after its end is not sent.
//!
//! Neither a letter's text nor its reader's address reaches a log.

mod queue;
mod templates;

pub(super) use queue::describe;
pub(super) use templates::Template;
