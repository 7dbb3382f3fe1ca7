//! `wechatpay upload`: files, as the endpoint that takes them wants them.

use std::fs::File;
use std::path::PathBuf;

use serde_json::{Map, Value};
use wechatpay_chain::Media;

use crate::Globals;
use crate::account::Settings;
use crate::exit::{Code, Failure, Result, io};
use crate::fields::Schema;
use crate::{fields, meant, output, wait};

/// `wechatpay upload`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The endpoint [default: v3/merchant/media/upload for images, …/video_upload for videos]
    #[arg(long, value_name = "PATH")]
    to: Option<String>,
    /// A field of the signed part `meta`; := for JSON that is no text; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    meta: Vec<String>,
    /// A field of the form beside it, which is not signed; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

const IMAGES: [&str; 4] = ["jpg", "jpeg", "bmp", "png"];
const VIDEOS: [&str; 10] = [
    "avi", "wmv", "mpeg", "mp4", "mov", "mkv", "flv", "f4v", "m4v", "rmvb",
];

pub(crate) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let path = match &args.to {
        Some(path) => path.as_str(),
        None => by_extension(args)?,
    };
    let media = args.media(path)?;
    let (client, _account) = args.settings.client()?;
    let response = wait::for_answer(client.chain(path).post(media), true)??;
    output::received(response.bytes(), response.data().ok().as_ref(), globals)
}

fn by_extension(args: &Args) -> Result<&'static str> {
    let extension = args.file.extension().unwrap_or_default();
    let extension = extension.to_string_lossy().to_lowercase();
    match extension.as_str() {
        image if IMAGES.contains(&image) => Ok("v3/merchant/media/upload"),
        video if VIDEOS.contains(&video) => Ok("v3/merchant/media/video_upload"),
        _ => Err(Failure::usage(format_args!(
            "{} is no image ({}) and no video ({}); --to PATH says where it goes",
            args.file.display(),
            IMAGES.join(", "),
            VIDEOS.join(", ")
        ))),
    }
}

impl Args {
    /// The file, under the names that the catalogue has for this endpoint.
    fn media(&self, path: &str) -> Result<Media> {
        let file = &self.file;
        File::open(file).map_err(|error| io(Code::Usage, file.display(), &error))?;
        let mut media = Media::from_path(file)?;
        let mut meta = Map::new();
        for given in &self.meta {
            let (name, value) = pair(given, "--meta")?;
            meta.insert(name.to_owned(), value);
        }
        let own = !meta.is_empty();
        if own {
            media = media.meta(Value::Object(meta));
        }
        for given in &self.field {
            let (name, value) = pair(given, "--field")?;
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            media = media.field(name, value);
        }
        let Some(form) = form(path)? else {
            return Ok(media);
        };
        for field in form.iter().map(Schema::new) {
            if field.is_file() {
                media = media.part(field.name());
            }
            for name in field.fields().map(Schema::name) {
                media = match name {
                    "filename" | "file_name" => media.filename_key(name),
                    "sha256" | "digest" | "file_digest" => media.digest_key(name),
                    _ => media,
                };
            }
        }
        Ok(media)
    }
}

/// The form of an endpoint; `None` for one that is not known.
fn form(path: &str) -> Result<Option<Vec<Value>>> {
    let Ok(known) = meant::endpoints_of(path) else {
        return Ok(None);
    };
    let post = known.iter().find(|endpoint| endpoint.verb() == "POST");
    let form = post.map(fields::of).transpose()?;
    let form = form.and_then(|mut known| Some(known.get_mut("form")?.take()));
    match form {
        Some(Value::Array(form)) => Ok(Some(form)),
        _ => Err(Failure::usage(format_args!(
            "{path} takes no file: wechatpay explain {path}"
        ))),
    }
}

/// `name=text` or `name:=JSON`.
fn pair<'a>(given: &'a str, flag: &str) -> Result<(&'a str, Value)> {
    let wrong = |why: &str| Failure::usage(format_args!("{flag} {given}: {why}"));
    let Some((name, text)) = given.split_once('=') else {
        return Err(wrong("wanted is NAME=VALUE"));
    };
    let Some(name) = name.strip_suffix(':') else {
        return Ok((name, Value::String(text.to_owned())));
    };
    let value = serde_json::from_str(text);
    let value = value.map_err(|error| wrong(&format!("no JSON behind the :=: {error}")))?;
    Ok((name, value))
}
