//! Recorded requests from CSV files.
//!
//! The format is that of the Azure LLM inference traces: `TIMESTAMP,ContextTokens,GeneratedTokens`
//! with times such as `2023-11-16 18:15:46.6805900`. Times count from the first row.

use std::path::Path;

use super::diagnostics::Diagnostic;
use super::distributions::MOST_TOKENS;
use super::files::{Hashed, open, reason};
use super::model::TraceRow;
use crate::units::Time;

/// The largest trace that is read \[bytes\].
const MOST_BYTES: u64 = 256 << 20;
/// The longest trace that is read \[rows\].
const MOST_ROWS: usize = 5_000_000;

const COLUMNS: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
const FORM: &str = "a trace has the columns TIMESTAMP, ContextTokens, GeneratedTokens, as in \
                    `2023-11-16 18:15:46.6805900,374,44`";

/// Reads a trace, at most `limit` rows of it, and the SHA-256 of the whole file; `name` is the file in
/// words.
pub(super) fn read(
    path: &Path,
    name: &str,
    limit: Option<u32>,
) -> Result<(Vec<TraceRow>, String), Box<Diagnostic>> {
    let whole = |message: String| Box::new(Diagnostic::about(name, message));
    let file = open(path, MOST_BYTES).map_err(|e| whole(e.to_string()))?;
    let mut file = Hashed::new(file);
    let rows = rows(&mut file, name, limit)?;
    let hash = file
        .finish()
        .map_err(|e| whole(format!("cannot be read: {}", reason(&e))))?;
    Ok((rows, hash))
}

fn rows(
    data: impl std::io::Read,
    name: &str,
    limit: Option<u32>,
) -> Result<Vec<TraceRow>, Box<Diagnostic>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(std::io::BufReader::new(data));
    let mut rows: Vec<TraceRow> = Vec::new();
    let mut first = None;
    let mut record = csv::StringRecord::new();
    let most = limit.map_or(MOST_ROWS, |n| n as usize).min(MOST_ROWS);
    let mut columns = None;
    loop {
        let line = reader.position().line() as usize;
        let more = reader.read_record(&mut record);
        let line = record.position().map_or(line, |p| p.line() as usize);
        let shown = record.iter().collect::<Vec<_>>().join(",");
        let wrong = |message: String| {
            let found = Diagnostic::about(name, message).on_line(line, &shown);
            Box::new(found.with_help(FORM))
        };
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => return Err(wrong(format!("cannot be read as CSV: {}", plain(&e)))),
        }
        let Some(columns) = columns else {
            columns = Some(find_columns(&record).map_err(wrong)?);
            continue;
        };
        if rows.len() == most {
            if limit.is_none() {
                return Err(wrong(format!("has more than {MOST_ROWS} rows")));
            }
            break;
        }
        let (at, context, generated) = row(&record, columns).map_err(wrong)?;
        let begun = *first.get_or_insert(at);
        let Some(at) = at.checked_sub(begun).and_then(|ns| u64::try_from(ns).ok()) else {
            return Err(wrong("this row is earlier than the first one".to_owned()));
        };
        if rows.last().is_some_and(|last| last.at > Time(at)) {
            return Err(wrong(
                "this row is earlier than the one before it".to_owned(),
            ));
        }
        rows.push(TraceRow {
            at: Time(at),
            context,
            generated,
        });
    }
    if rows.is_empty() {
        return Err(Box::new(
            Diagnostic::about(name, "has no rows").with_help(FORM),
        ));
    }
    Ok(rows)
}

fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8 text".to_owned(),
        csv::ErrorKind::Io(e) => reason(e),
        _ => "its rows have no common form".to_owned(),
    }
}

/// Where the three columns stand.
fn find_columns(header: &csv::StringRecord) -> Result<[usize; 3], String> {
    let mut found = [0; 3];
    for (place, column) in found.iter_mut().zip(COLUMNS) {
        let stands = |name: &str| name.trim_start_matches('\u{feff}') == column;
        *place = header
            .iter()
            .position(stands)
            .ok_or_else(|| format!("the column `{column}` is missing"))?;
    }
    Ok(found)
}

/// The time \[ns of a calendar\], context and generated tokens of a row.
fn row(record: &csv::StringRecord, columns: [usize; 3]) -> Result<(i128, u32, u32), String> {
    let [time, context, generated] = columns.map(|column| record.get(column).unwrap_or_default());
    let tokens = |text: &str| {
        let n = text
            .parse::<u32>()
            .ok()
            .filter(|n| u64::from(*n) <= MOST_TOKENS);
        n.ok_or_else(|| {
            format!(
                "expected a number of tokens, found `{}`",
                super::words::shortened(text)
            )
        })
    };
    let at = timestamp(time)
        .ok_or_else(|| format!("expected a time, found `{}`", super::words::shortened(time)))?;
    Ok((at, tokens(context)?, tokens(generated)?))
}

/// `2023-11-16 18:15:46.6805900` in nanoseconds since some day; `T` and a final `Z` do as well.
fn timestamp(text: &str) -> Option<i128> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut date = date.split('-').map(|part| number(part, 9999));
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':');
    let (hour, minute) = (number(time.next()?, 23)?, number(time.next()?, 59)?);
    let (second, fraction) = match time.next()?.split_once('.') {
        Some((second, fraction)) => (second, fraction),
        None => (time_part(text)?, ""),
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || fraction.len() > 9 {
        return None;
    }
    let nanos = number(&format!("{fraction:0<9}"), 999_999_999)?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + number(second, 60)?;
    let ended = date.next().is_none() && time.next().is_none();
    ended.then_some(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
}

/// The seconds of a time without a fraction.
fn time_part(text: &str) -> Option<&str> {
    text.rsplit(':').next()
}

fn number(text: &str, most: i64) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n <= most)
}

/// Days since 1970-01-01 in the Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", 2021, `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

    fn told(text: &str) -> String {
        rows(text.as_bytes(), "t.csv", None)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn times_count_from_the_first_row_in_hundreds_of_nanoseconds() {
        let text = format!(
            "{HEADER}2023-11-30 23:59:59.9999999,374,44\r\n2023-12-01 00:00:00.0000001,396,109\r\n"
        );
        let read = rows(text.as_bytes(), "t.csv", None).unwrap();
        assert_eq!(read[0].at, Time(0));
        assert_eq!(
            read[1],
            TraceRow {
                at: Time(200),
                context: 396,
                generated: 109
            }
        );
        assert_eq!(rows(text.as_bytes(), "t.csv", Some(1)).unwrap().len(), 1);
    }

    #[test]
    fn columns_are_found_by_name() {
        let text = "GeneratedTokens,TIMESTAMP,ContextTokens\n44,2024-02-29T00:00:00Z,374\n";
        let read = rows(text.as_bytes(), "t.csv", None).unwrap();
        assert_eq!((read[0].context, read[0].generated), (374, 44));
    }

    #[test]
    fn bad_rows_are_named_by_their_line() {
        let good = "2023-11-16 18:15:46.6805900,374,44\n";
        let cases = [
            (
                "2023-11-16 18:15:45.0,1,1\n",
                "t.csv:3:1: this row is earlier than the first one",
            ),
            (
                "2023-11-16 18:15:47.0,-1,1\n",
                "t.csv:3:1: expected a number of tokens, found `-1`",
            ),
            (
                "yesterday,1,1\n",
                "t.csv:3:1: expected a time, found `yesterday`",
            ),
            (
                "2023-13-16 18:15:47.0,1,1\n",
                "t.csv:3:1: expected a time, found `2023-13-16 18:15:47.0`",
            ),
            (
                "2023-11-16 18:15:47.0\n",
                "t.csv:3:1: expected a number of tokens, found ``",
            ),
        ];
        for (bad, expected) in cases {
            let told = told(&format!("{HEADER}{good}{bad}"));
            assert!(told.starts_with(expected), "{told}");
        }
        let late = "2023-11-16 18:15:49.0,1,1\n2023-11-16 18:15:48.0,1,1\n";
        assert!(
            told(&format!("{HEADER}{good}{late}"))
                .starts_with("t.csv:4:1: this row is earlier than the one before it")
        );
        assert!(told("a,b\n").starts_with("t.csv:1:1: the column `TIMESTAMP` is missing"));
        assert!(told(HEADER).starts_with("t.csv: has no rows"));
        assert!(told("").starts_with("t.csv: has no rows"));
    }
}
