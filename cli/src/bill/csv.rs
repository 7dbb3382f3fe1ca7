//! A bill as CSV. WeChat Pay writes a back-tick before each value, so that a spreadsheet takes none for a
//! number, quotes nothing, and puts a summary of two lines behind the rows.

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};

/// What a value begins with.
const TICK: char = '`';
/// What UTF-8 files of Windows begin with.
const MARK: char = '\u{feff}';

/// Writes the head and the rows, and returns the summary.
pub(crate) fn write(bill: impl BufRead, out: &mut impl Write) -> io::Result<String> {
    let mut columns = Columns { out, row: None };
    // The two lines behind are the summary, if there is one.
    let mut last = VecDeque::new();
    for line in bill.lines() {
        last.push_back(line?.trim_end_matches('\r').to_owned());
        if last.len() > 2 {
            columns.take(last.pop_front().unwrap_or_default())?;
        }
    }
    let summary = match last.make_contiguous() {
        [head, values] if !head.starts_with([TICK, MARK]) && values.starts_with(TICK) => {
            format!("{head}\n{}\n", row(values))
        }
        _ => {
            for line in last {
                columns.take(line)?;
            }
            String::new()
        }
    };
    columns.end()?;
    Ok(summary)
}

/// What the lines are put into.
struct Columns<'a, W> {
    out: &'a mut W,
    /// The last row, of which there may be more: a value may hold a line feed.
    row: Option<String>,
}

impl<W: Write> Columns<'_, W> {
    fn take(&mut self, line: String) -> io::Result<()> {
        if line.starts_with(TICK) {
            self.end()?;
            self.row = Some(line);
            return Ok(());
        }
        match &mut self.row {
            Some(row) => {
                row.push('\n');
                row.push_str(&line);
                Ok(())
            }
            None => writeln!(self.out, "{}", line.trim_start_matches(MARK)),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self.row.take() {
            Some(line) => writeln!(self.out, "{}", row(&line)),
            None => Ok(()),
        }
    }
}

fn row(line: &str) -> String {
    let line = line.strip_prefix(TICK).unwrap_or(line);
    let values: Vec<_> = line.split(",`").map(quoted).collect();
    values.join(",")
}

fn quoted(value: &str) -> String {
    match value.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bill: &str) -> (String, String) {
        let mut out = Vec::new();
        let summary = write(bill.as_bytes(), &mut out).unwrap();
        (String::from_utf8(out).unwrap(), summary)
    }

    #[test]
    fn rows_and_summary_come_apart_and_lose_their_ticks() {
        let bill = "\u{feff}交易时间,商品名称,金额\r\n\
                    `2024-01-01 00:00:00,`a,`1.00\r\n\
                    `2024-01-01 00:00:01,`say \"b\", c,`\r\n\
                    `2024-01-01 00:00:02,`two\nlines,`2.00\r\n\
                    总交易单数,总金额\r\n`3,`3.00\r\n";
        let (rows, summary) = written(bill);
        assert_eq!(
            rows,
            "交易时间,商品名称,金额\n\
             2024-01-01 00:00:00,a,1.00\n\
             2024-01-01 00:00:01,\"say \"\"b\"\", c\",\n\
             2024-01-01 00:00:02,\"two\nlines\",2.00\n"
        );
        assert_eq!(summary, "总交易单数,总金额\n3,3.00\n");
    }

    #[test]
    fn a_bill_without_rows_or_without_a_summary_is_one_too() {
        assert_eq!(
            written("a,b\n总交易单数\n`0\n"),
            ("a,b\n".to_owned(), "总交易单数\n0\n".to_owned())
        );
        assert_eq!(
            written("\u{feff}a,b\r\n`1,`2\r\n"),
            ("a,b\n1,2\n".to_owned(), String::new())
        );
        assert_eq!(written(""), (String::new(), String::new()));
    }
}
