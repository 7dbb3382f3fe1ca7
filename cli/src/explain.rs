//! `wechatpay explain`: what the catalogue knows of an endpoint.

use std::fmt::Write as _;

use anstyle::Style;
use clap::ValueEnum;
use serde_json::Value;
use wechatpay_chain::catalogue::Endpoint;

use crate::Globals;
use crate::endpoints::VERB;
use crate::exit::{Code, Failure, Result};
use crate::fields::{self, Need, Schema};
use crate::meant;
use crate::output::{self, STRONG, WIDTH};

/// Where what a field may be begins, at the latest.
const COLUMN: usize = 36;
const DIM: Style = Style::new().dimmed();

/// `wechatpay explain`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The path, and before it perhaps a verb
    ///
    /// Values or any names may stand for its variables; a host, a leading slash, no v2/, and the
    /// notation of PHP's chain are understood.
    #[arg(value_name = "[VERB] PATH", required = true, num_args = 1..=2)]
    path: Vec<String>,
    /// Only the JSON of the body, to be filled in: with the required fields, or with all
    #[arg(
        long,
        value_enum,
        value_name = "WHICH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "required"
    )]
    skeleton: Option<Skeleton>,
    /// Only what is asked, and nothing of the answer
    #[arg(long, conflicts_with = "skeleton")]
    request: bool,
}

/// Which fields a skeleton has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Skeleton {
    /// Those that must be there
    Required,
    /// Every one that is known
    All,
}

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let found = meant::endpoints_of(&args.path.join(" "))?;
    let known: Result<Vec<_>> = found.into_iter().map(Known::load).collect();
    let known = known?;
    if globals.json {
        return known.iter().try_for_each(|known| output::line(&known.line));
    }
    if let Some(which) = args.skeleton {
        return skeletons(&known, which == Skeleton::All);
    }
    let pages = known.iter().map(|known| {
        let text = String::new();
        Page { known, text }.written(!args.request)
    });
    let pages: Vec<_> = pages.collect();
    output::line(pages.join("\n\n"))
}

fn skeletons(known: &[Known], all: bool) -> Result<()> {
    let bodies: Vec<_> = known.iter().filter_map(Known::body).collect();
    if bodies.is_empty() {
        let path = known.first().map(|known| known.endpoint.path());
        let path = path.unwrap_or_default();
        return Err(Failure::usage(format_args!("{path} takes no JSON body")));
    }
    bodies
        .iter()
        .try_for_each(|body| output::line(format!("{:#}", body.skeleton(all))))
}

/// What is known of an endpoint.
struct Known {
    endpoint: Endpoint,
    /// As the catalogue has it, and read.
    line: String,
    fields: Value,
}

impl Known {
    fn load(endpoint: Endpoint) -> Result<Self> {
        let broken = |why: &str| {
            let message = format!("the catalogue's fields of {endpoint:?}: {why}");
            Failure::new(Code::Bug, message)
        };
        let line = fields::line(&endpoint)?.ok_or_else(|| broken("there are none"))?;
        let fields = serde_json::from_str(&line);
        Ok(Self {
            fields: fields.map_err(|error| broken(&error.to_string()))?,
            endpoint,
            line,
        })
    }

    fn has_form(&self) -> bool {
        self.fields.get("form").is_some()
    }

    fn body(&self) -> Option<Schema<'_>> {
        let body = self.fields.get("request").filter(|body| !body.is_null());
        body.map(Schema::new)
    }

    fn list(&self, name: &str) -> Vec<Schema<'_>> {
        let list = self.fields.get(name).and_then(Value::as_array);
        list.into_iter().flatten().map(Schema::new).collect()
    }

    fn required_query(&self) -> Vec<&str> {
        let query = self.list("query").into_iter();
        let required = query.filter(|field| field.need() == Need::Required);
        required
            .map(Schema::name)
            .filter(|name| !fields::is_added(name))
            .collect()
    }

    /// The request as this command makes it.
    fn command(&self) -> String {
        let verb = self.endpoint.verb().to_lowercase();
        let mut command = format!("wechatpay {verb} {}", self.endpoint.path());
        for name in self.required_query() {
            let _ = write!(command, " {name}==…");
        }
        match (self.has_form(), self.body()) {
            (true, _) => format!("wechatpay upload FILE --to {}", self.endpoint.path()),
            (false, Some(_)) => format!("{command} @body.json"),
            (false, None) => command,
        }
    }

    /// The chain of methods, with values in the place of templates.
    fn rust(&self) -> String {
        let mut steps = vec!["client".to_owned()];
        for method in self.endpoint.methods().split('.') {
            let name = method.strip_suffix("()").unwrap_or(method);
            let variable = name
                .strip_prefix('_')
                .and_then(|name| name.strip_suffix('_'));
            steps.push(match variable {
                // A trailing slash.
                Some("empty") => ".chain(\"\")".to_owned(),
                Some(variable) => format!(".{variable}({variable})"),
                None => format!(".{method}"),
            });
        }
        let verb = self.endpoint.verb().to_lowercase();
        let argument = match (verb.as_str(), self.body()) {
            ("get" | "delete", _) => "",
            _ if self.has_form() => "media",
            (_, Some(_)) => "json!({…})",
            (_, None) => "()",
        };
        steps.push(format!(".{verb}({argument})"));
        let query = self.required_query();
        if !query.is_empty() {
            let pairs = query.iter().map(|name| format!("(\"{name}\", {name})"));
            let pairs: Vec<_> = pairs.collect();
            steps.push(format!(".query([{}])", pairs.join(", ")));
        }
        steps.push(".await?".to_owned());
        broken(&steps)
    }
}

/// What is told of one endpoint.
struct Page<'a> {
    known: &'a Known,
    text: String,
}

impl Page<'_> {
    fn written(mut self, with_answer: bool) -> String {
        self.head();
        let used = self.fields(with_answer);
        self.text.push_str(&legend(&used));
        self.skeleton();
        self.text.trim_end().to_owned()
    }

    fn head(&mut self) {
        let Self { known, text } = self;
        let endpoint = &known.endpoint;
        let (verb, path, title) = (endpoint.verb(), endpoint.path(), endpoint.title());
        let _ = writeln!(
            text,
            "{VERB}{verb}{VERB:#} {STRONG}{path}{STRONG:#}\n{title}\n"
        );
        let host = endpoint.host().unwrap_or("api.mch.weixin.qq.com");
        let _ = writeln!(text, "host           {host}");
        let _ = writeln!(text, "documentation  {}", endpoint.documentation());
        if endpoint.needs_client_certificate() {
            let _ = writeln!(text, "needs          the merchant certificate (mutual TLS)");
        }
        let _ = writeln!(text, "command        {}", known.command());
        let _ = writeln!(text, "rust           {}", known.rust());
    }

    /// The tables of fields; says which marks were used.
    fn fields(&mut self, with_answer: bool) -> Vec<Need> {
        let mut used = Vec::new();
        let known = self.known;
        let is_of_v2 = known.endpoint.path().starts_with("v2/");
        let body = if is_of_v2 { "Body (XML)" } else { "Body" };
        let groups = fields::groups(known.fields.get("query_one_of"));
        let mut tables = vec![
            table("Path", &known.list("vars"), &[], &mut used),
            table("Query", &known.list("query"), &groups, &mut used),
            table("Form", &known.list("form"), &[], &mut used),
        ];
        if let Some(fields) = known.body() {
            tables.push(object(body, fields, &mut used));
            let names = fields.fields().map(Schema::name);
            let added: Vec<_> = names.filter(|name| fields::is_added(name)).collect();
            if !added.is_empty() {
                tables.push(format!("  added by the SDK: {}\n", added.join(", ")));
            }
        }
        let answer = known.fields.get("response").map(Schema::new);
        if let Some(answer) = answer.filter(|_| with_answer) {
            tables.push(object("Answer", answer, &mut used));
        }
        for table in tables {
            self.text.push_str(&table);
        }
        used
    }

    fn skeleton(&mut self) {
        let Some(body) = self.known.body() else {
            return;
        };
        let skeleton = body.skeleton(false);
        let _ = write!(
            self.text,
            "\n{STRONG}Skeleton{STRONG:#} of what is required (--skeleton prints it alone)\n{skeleton:#}\n"
        );
    }
}

fn object(title: &str, schema: Schema<'_>, used: &mut Vec<Need>) -> String {
    let fields: Vec<_> = schema.fields().collect();
    table(title, &fields, &schema.one_of(), used)
}

/// A title and its fields, each with what it may be.
fn table(title: &str, fields: &[Schema<'_>], groups: &[Vec<&str>], used: &mut Vec<Need>) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut rows = Vec::new();
    add(&mut rows, fields, groups, 1);
    let longest = rows.iter().map(Row::length).max().unwrap_or(0);
    let column = (longest + 2).min(COLUMN);
    let mut text = format!("\n{STRONG}{title}{STRONG:#}\n");
    for row in rows {
        used.extend((!row.name.is_empty()).then_some(row.need));
        text.push_str(&row.shown(column));
    }
    text
}

fn add(rows: &mut Vec<Row>, fields: &[Schema<'_>], groups: &[Vec<&str>], depth: usize) {
    for field in fields {
        rows.push(Row {
            depth,
            name: field.name().to_owned(),
            need: field.need(),
            words: field.words(),
        });
        let inner: Vec<_> = field.fields().collect();
        add(rows, &inner, &field.one_of(), depth + 1);
    }
    for group in groups {
        rows.push(Row {
            depth,
            name: String::new(),
            need: Need::Optional,
            words: format!("one of these is required: {}", group.join(" ")),
        });
    }
}

/// A line of a table, or a few.
struct Row {
    depth: usize,
    /// Empty for a remark about all of them.
    name: String,
    need: Need,
    words: String,
}

impl Row {
    fn length(&self) -> usize {
        self.depth * 2 + self.name.len() + 1
    }

    fn shown(&self, column: usize) -> String {
        let indent = " ".repeat(self.depth * 2);
        if self.name.is_empty() {
            return format!("{indent}{}\n", wrapped(&self.words, indent.len()));
        }
        let name = match self.need {
            Need::Required => format!("{STRONG}{}{STRONG:#}*", self.name),
            Need::Disputed => format!("{}?", self.name),
            Need::Optional => self.name.clone(),
        };
        let marks = usize::from(self.need != Need::Optional);
        let length = indent.len() + self.name.len() + marks;
        let (gap, at) = if length + 2 <= column {
            (" ".repeat(column - length), column)
        } else if length + 2 + self.words.len() <= WIDTH {
            ("  ".to_owned(), length + 2)
        } else {
            // Below the name, where there is room.
            (format!("\n{}", " ".repeat(column)), column)
        };
        let words = wrapped(&self.words, at);
        format!("{indent}{name}{gap}{DIM}{words}{DIM:#}\n")
    }
}

/// Broken at its spaces, each line but the first as far in as the first begins.
fn wrapped(words: &str, at: usize) -> String {
    output::wrapped(words, WIDTH - at, &format!("\n{}", " ".repeat(at)))
}

/// A chain, on as many lines as it needs.
fn broken(steps: &[String]) -> String {
    const AT: usize = "documentation  ".len();
    let mut text = String::new();
    let mut used = AT;
    for step in steps {
        let length = step.chars().count();
        if used + length > WIDTH && !text.is_empty() {
            text.push('\n');
            text.push_str(&" ".repeat(AT + 4));
            used = AT + 4;
        }
        text.push_str(step);
        used += length;
    }
    text
}

fn legend(used: &[Need]) -> String {
    let mut marks = Vec::new();
    if used.contains(&Need::Required) {
        marks.push("* required");
    }
    if used.contains(&Need::Disputed) {
        marks.push("? required by one source, not by another");
    }
    match marks.as_slice() {
        [] => String::new(),
        marks => format!("\n{}\n", marks.join("   ")),
    }
}
