//! `wechatpay get`, `post`, `put`, `patch` and `delete`: one request, signed, and its answer verified.

mod confirm;
mod items;
mod shown;
mod unsent;

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use serde_json::{Map, Value, json};
use wechatpay_chain::catalogue::Endpoint;
use wechatpay_chain::{Client, Error, Payload, Request, Retry, transformer};

use self::items::{Body, Items};
use crate::Globals;
use crate::account::Settings;
use crate::exit::{Code, Failure, Result, io};
use crate::fields::{self, Schema, Unknown};
use crate::progress::Progress;
use crate::{meant, output, wait, whole};

/// A request.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The path, such as v3/pay/transactions/native; with variables in braces, a query, or both. Of GET
    /// also an address that WeChat Pay returned, such as a bill's download_url
    path: String,
    /// What goes with it: name=text, name:=json, name==query, Name:header, @file or - for the body
    ///
    /// A name such as amount[total], goods[0][price] or tags[] leads into objects and lists. The value
    /// of name=@file and name:=@file is in a file. A backslash takes a character's meaning away.
    #[arg(value_name = "ITEM")]
    items: Vec<String>,
    /// The value of a variable of the path; repeatable
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Encrypt the text at this JSON pointer, such as /name; known encrypts what the catalogue calls
    /// sensitive; repeatable
    #[arg(long, value_name = "POINTER")]
    sensitive: Vec<String>,
    /// Show the answer with the ciphertext at this JSON pointer opened; known opens what the catalogue
    /// calls sensitive; repeatable
    #[arg(long, value_name = "POINTER", conflicts_with = "output")]
    decrypt: Vec<String>,
    /// Show what would be signed and sent, its signature blanked, and send nothing
    #[arg(long, conflicts_with_all = ["curl", "output"])]
    dry_run: bool,
    /// Show the request as a line for curl, and send nothing: whoever has the line can send it for five
    /// minutes
    #[arg(long, conflicts_with_all = ["sandbox", "output"])]
    curl: bool,
    /// Show the answer's status and headers, too
    #[arg(short, long)]
    include: bool,
    /// Write the answer to this file, which is there as a whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Send it without asking first
    #[arg(short, long)]
    yes: bool,
    /// Send it again, at most so many times, when it may succeed then: on 429, on a 5xx of a busy system,
    /// and when no answer came; what is no GET must have a number of its own, such as out_trade_no
    #[arg(long, value_name = "TIMES")]
    retry: Option<u32>,
    /// The limit of the whole request; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// Present the merchant certificate (APIv2), also where the catalogue does not know that it is wanted
    #[arg(long, action = ArgAction::SetTrue)]
    security: bool,
    #[command(flatten)]
    settings: Settings,
}

const EXAMPLES: &str = "\
Examples:
  wechatpay get v3/pay/transactions/out-trade-no/12177 mchid==1900000109
  wechatpay get 'v3/pay/transactions/out-trade-no/{no}' --var no=12177 \\
    mchid==1900000109
  wechatpay post v3/refund/domestic/refunds @refund.json
  wechatpay post v3/pay/transactions/native --sandbox \\
    appid=wx8888888888888888 mchid=1900000109 description=QQ公仔 \\
    out_trade_no=1217752501 notify_url=https://example.com/notify \\
    amount[total]:=100
  wechatpay post v2/pay/orderquery appid=wx8888888888888888 \\
    mch_id=1900000109 out_trade_no=12177

The answer goes to standard output, a refusal's too: as it came into a pipe,
indented on a terminal. What was refused is told on standard error and by the
exit code. An answer that is not trusted is not shown.

From a terminal, what may change something asks before it goes to a real host;
without a terminal it does not ask.";

/// A method of HTTP that WeChat Pay knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

pub(crate) fn run(verb: Verb, args: &Args, globals: &Globals) -> Result<()> {
    let call = Call::of(verb, args)?;
    let (client, account) = args.settings.client()?;
    let endpoint = client.chain(&args.path).endpoint(verb.name());
    if let Some(endpoint) = endpoint {
        call.tell_unknown(&endpoint)?;
    }
    // Where it is sent at once, the refusal says what was probably meant.
    let warn = || {
        if endpoint.is_none() && !call.is_address() {
            let note = meant::note(verb.name(), &args.path);
            note.iter().for_each(output::warn);
        }
    };
    if args.dry_run {
        warn();
        return unsent::dry_run(call.request(&client)?, call.is_encrypted(), globals);
    }
    if args.curl {
        warn();
        return unsent::curl(
            call.request(&client)?,
            call.is_encrypted(),
            endpoint,
            &account,
        );
    }
    if verb != Verb::Get && !args.yes && confirm::is_wanted(endpoint, &account) {
        warn();
        confirm::ask(verb.name(), &args.path, endpoint, &account)?;
    }
    call.send(&client, globals)
}

/// What was asked for, read but not signed.
struct Call<'a> {
    verb: Verb,
    args: &'a Args,
    items: Items,
    variables: Vec<(&'a str, &'a str)>,
    is_of_v2: bool,
}

impl<'a> Call<'a> {
    fn of(verb: Verb, args: &'a Args) -> Result<Self> {
        let path = args.path.trim_start_matches('/');
        let version = path.get(..3).unwrap_or_default();
        let is_of_v2 = version.eq_ignore_ascii_case("v2/");
        let mut variables = Vec::new();
        for given in &args.variables {
            let Some(pair) = given.split_once('=') else {
                return Err(Failure::usage("--var: wanted is NAME=VALUE"));
            };
            variables.push(pair);
        }
        let call = Self {
            verb,
            args,
            items: Items::read(&args.items)?,
            variables,
            is_of_v2,
        };
        call.check()?;
        Ok(call)
    }

    fn check(&self) -> Result<()> {
        let has_body = self.items.body != Body::None;
        if self.verb == Verb::Get && has_body && !self.is_of_v2 {
            return Err(Failure::usage(
                "a GET has no body: name==value puts a value into the query",
            ));
        }
        if self.is_address() {
            let has_query = !self.items.query.is_empty() || !self.variables.is_empty();
            if self.verb != Verb::Get || has_query {
                return Err(Failure::usage(
                    "an address that WeChat Pay returned goes by GET and as it stands: any other request \
                     wants a path, and --base-uri where it goes to another host",
                ));
            }
        }
        Ok(())
    }

    /// Whether it is an address that WeChat Pay returned, instead of a path.
    fn is_address(&self) -> bool {
        self.args.path.contains("://")
    }

    fn request(&self, client: &Client) -> Result<Request> {
        let path = &self.args.path;
        let chain = client.chain(path);
        let mut request = match self.verb {
            Verb::Get if self.is_address() => client.url(path),
            Verb::Get => chain.get(),
            Verb::Post => chain.post(()),
            Verb::Put => chain.put(()),
            Verb::Patch => chain.patch(()),
            Verb::Delete => chain.delete(),
        };
        let mut query = self.items.query.clone();
        if self.is_of_v2 {
            let fields = self.fields()?;
            if self.verb == Verb::Get {
                query.extend(fields);
            } else {
                request = request.body(Value::Object(fields));
            }
        } else {
            request = request.body(self.payload()?);
        }
        if !query.is_empty() {
            request = request.query(query);
        }
        for (name, value) in &self.variables {
            request = request.var(*name, value);
        }
        for (name, value) in &self.items.headers {
            request = request.header(name, value);
        }
        let (is_known, pointers) = pointers(&self.args.sensitive);
        if is_known {
            request = request.sensitive_known();
        }
        if !pointers.is_empty() {
            request = request.sensitive(pointers);
        }
        if self.args.security {
            request = request.security();
        }
        if let Some(times) = self.args.retry {
            let retry = match self.verb {
                Verb::Get => Retry::reads(),
                _ => Retry::idempotent(),
            };
            request = request.retry(retry.attempts(times.saturating_add(1)));
        }
        Ok(request.timeout(Duration::from_secs(self.args.timeout)))
    }

    /// The body of APIv3: JSON, byte for byte as it was given where it was given as bytes.
    fn payload(&self) -> Result<Payload> {
        match &self.items.body {
            Body::None => Ok(().into()),
            Body::Fields(fields) => Ok(fields.into()),
            Body::Bytes(bytes) if bytes.is_empty() => Err(Failure::usage(
                "the body is empty; a request without one has no such item",
            )),
            Body::Bytes(bytes) => {
                serde_json::from_slice::<Value>(bytes).map_err(|error| {
                    Failure::usage(format_args!("the body is no JSON: {error}"))
                })?;
                Ok(bytes.clone().into())
            }
        }
    }

    /// The fields of APIv2, which are signed here, whatever they were written in.
    fn fields(&self) -> Result<Map<String, Value>> {
        let fields = match &self.items.body {
            Body::None => return Ok(Map::new()),
            Body::Fields(fields) => fields.clone(),
            Body::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| Failure::usage("the body is not UTF-8"))?;
                if text.trim_start().starts_with('<') {
                    transformer::to_value(text)?
                } else {
                    serde_json::from_str(text).map_err(|error| {
                        Failure::usage(format_args!("the body is neither XML nor JSON: {error}"))
                    })?
                }
            }
        };
        match fields {
            Value::Object(fields) => Ok(fields),
            _ => Err(Failure::usage("the body holds no fields")),
        }
    }

    /// Warns of the fields and parameters that the catalogue does not know, which may be behind.
    fn tell_unknown(&self, endpoint: &Endpoint) -> Result<()> {
        /// Enough to see what is wrong.
        const TOLD: usize = 5;
        // What can't be read is an error where it is needed.
        let body = match &self.items.body {
            _ if self.is_of_v2 => self.fields().map(Value::Object).unwrap_or_default(),
            Body::None => Value::Null,
            Body::Fields(fields) => fields.clone(),
            Body::Bytes(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
        };
        let query = self.items.query.iter().cloned();
        let mut query: Map<_, _> = query.collect();
        let body = match body {
            Value::Object(fields) if self.verb == Verb::Get => {
                query.extend(fields);
                Value::Null
            }
            body => body,
        };
        if body.is_null() && query.is_empty() {
            return Ok(());
        }
        let known = fields::of(endpoint)?;
        // Of APIv2 a service provider adds these to a merchant's fields.
        let is_provider_s = |field: &Unknown| self.is_of_v2 && field.place.starts_with("/sub_");
        let unknown = |schema: &Value, value: &Value| {
            let mut unknown = Schema::new(schema).unknown(value);
            unknown.retain(|field| !is_provider_s(field));
            unknown
        };
        let parameters = json!({ "fields": known.get("query") });
        let parameters = unknown(&parameters, &Value::Object(query)).into_iter();
        let parameters = parameters.map(|parameter| {
            let name = |place: String| place.trim_start_matches('/').to_owned();
            let meant = parameter.meant.map(name);
            ("parameter", name(parameter.place), meant)
        });
        let fields = known.get("request").unwrap_or(&Value::Null);
        let fields = unknown(fields, &body).into_iter();
        let fields = fields.map(|field| ("field", field.place, field.meant));
        let unknown: Vec<_> = parameters.chain(fields).collect();
        for (what, place, meant) in unknown.iter().take(TOLD) {
            let meant = meant.as_ref();
            let meant = meant.map_or_else(String::new, |it| format!("; probably meant: {it}"));
            output::warn(format!(
                "the catalogue does not know the {what} {place} here{meant}"
            ));
        }
        if unknown.len() > TOLD {
            output::warn(format!("and {} more", unknown.len() - TOLD));
        }
        Ok(())
    }

    fn send(&self, client: &Client, globals: &Globals) -> Result<()> {
        if let Some(path) = &self.args.output {
            return self.save(client, path.clone());
        }
        let is_whole =
            output::is_terminal() || !self.args.decrypt.is_empty() || self.args.retry.is_some();
        let wants_stream = self.verb == Verb::Get && !is_whole;
        if wants_stream && shown::streamed(self.request(client)?, self.args.include, globals)? {
            return Ok(());
        }
        let answer = wait::for_answer(self.request(client)?, self.changes())?;
        shown::Shown {
            include: self.args.include,
            globals,
            decrypt: &self.args.decrypt,
        }
        .answer(answer)
    }

    fn is_encrypted(&self) -> bool {
        !self.args.sensitive.is_empty()
    }

    /// Whether the request may have an effect.
    fn changes(&self) -> bool {
        self.verb != Verb::Get
    }

    fn save(&self, client: &Client, path: PathBuf) -> Result<()> {
        let include = self.args.include;
        let progress = Progress::new();
        let download = self.request(client)?.download(&path);
        let downloaded = wait::for_answer(download.progress(progress.shown()), self.changes());
        drop(progress);
        let saved = match downloaded? {
            Ok(saved) => {
                if include {
                    shown::head(saved.status(), saved.headers())?;
                }
                saved.bytes_written()
            }
            // What is signed as a whole does not come in pieces, and nothing was sent.
            Err(Error::Request(_)) => {
                let answer = wait::for_answer(self.request(client)?, self.changes())?;
                let response = answer.inspect_err(shown::hint)?;
                if include {
                    shown::head(response.status(), response.headers())?;
                }
                let bytes = response.bytes();
                whole::write(&path, bytes)
                    .map_err(|error| io(Code::Bug, path.display(), &error))?;
                bytes.len() as u64
            }
            Err(error) => {
                shown::hint(&error);
                return Err(error.into());
            }
        };
        output::say(format!("{}: {saved} bytes", path.display()));
        Ok(())
    }
}

/// JSON pointers, and whether what the catalogue knows is meant beside them.
fn pointers(given: &[String]) -> (bool, Vec<&String>) {
    let is_known = |pointer: &&String| *pointer == "known";
    let (known, pointers): (Vec<_>, Vec<_>) = given.iter().partition(is_known);
    (!known.is_empty(), pointers)
}

/// How an endpoint is called for people.
fn title(endpoint: Option<Endpoint>) -> String {
    endpoint.map_or_else(String::new, |endpoint| format!(" ({})", endpoint.title()))
}
