//! Dates and times as PostgreSQL writes them into JSON: ISO 8601, with years beyond four digits and before Christ.
//!
//! They count from 2000-01-01: days, or microseconds.

use super::codec::write_number;

const MICROSECONDS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Days from 0000-03-01 to 2000-01-01 in the Gregorian calendar.
const DAYS_BEFORE_2000: i64 = 730_425;

/// Writes a `date`.
pub(super) fn write_date(out: &mut Vec<u8>, days: i32) {
    out.push(b'"');
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        days => {
            let day = CalendarDay::new(i64::from(days));
            day.write(out);
            day.write_era(out);
        }
    }
    out.push(b'"');
}

/// Writes a `timestamp`, with the name of its time zone behind it.
pub(super) fn write_timestamp(out: &mut Vec<u8>, microseconds: i64, zone: &str) {
    out.push(b'"');
    match microseconds {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        microseconds => {
            let day = CalendarDay::new(microseconds.div_euclid(MICROSECONDS_PER_DAY));
            day.write(out);
            out.push(b'T');
            write_time(out, microseconds.rem_euclid(MICROSECONDS_PER_DAY));
            out.extend_from_slice(zone.as_bytes());
            day.write_era(out);
        }
    }
    out.push(b'"');
}

fn write_time(out: &mut Vec<u8>, microseconds: i64) {
    let seconds = microseconds / 1_000_000;
    write_two(out, seconds / 3600);
    out.push(b':');
    write_two(out, seconds / 60 % 60);
    out.push(b':');
    write_two(out, seconds % 60);
    let mut fraction = microseconds % 1_000_000;
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    let mut place = 100_000;
    while fraction > 0 {
        write_digit(out, fraction / place);
        fraction %= place;
        place /= 10;
    }
}

/// A day of the Gregorian calendar.
struct CalendarDay {
    /// 0 is the year 1 before Christ.
    year: i64,
    month: i64,
    day: i64,
}

impl CalendarDay {
    /// The day so many days after 2000-01-01. Years are counted from March, so that the leap day ends one.
    fn new(days: i64) -> Self {
        let days = days + DAYS_BEFORE_2000;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let year = year_of_era + era * 400;
        if month < 10 {
            Self { year, month: month + 3, day }
        } else {
            Self { year: year + 1, month: month - 9, day }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let shown = if self.year > 0 { self.year } else { 1 - self.year };
        if shown < 1_000 {
            out.extend_from_slice(if shown < 10 {
                b"000"
            } else if shown < 100 {
                b"00"
            } else {
                b"0"
            });
        }
        write_number(out, shown);
        out.push(b'-');
        write_two(out, self.month);
        out.push(b'-');
        write_two(out, self.day);
    }

    fn write_era(&self, out: &mut Vec<u8>) {
        if self.year <= 0 {
            out.extend_from_slice(b" BC");
        }
    }
}

fn write_two(out: &mut Vec<u8>, number: i64) {
    write_digit(out, number / 10);
    write_digit(out, number % 10);
}

fn write_digit(out: &mut Vec<u8>, digit: i64) {
    out.push(b'0' + u8::try_from(digit % 10).unwrap_or(0));
}
