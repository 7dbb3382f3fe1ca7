//! `wechatpay upload`.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;
use wechatpay_sandbox::Sandbox;

use crate::support::{Outcome, run, wechatpay_at};

struct Uploads {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Uploads {
    fn new() -> Self {
        let uploads = Self {
            sandbox: Sandbox::builder().plain().start_blocking().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["a.JPG", "b.mp4", "c.pdf"] {
            fs::write(uploads.folder.path().join(name), name).unwrap();
        }
        uploads
    }

    fn upload(&self, arguments: &[&str]) -> Outcome {
        let arguments = [&["upload"], arguments].concat();
        let mut command = wechatpay_at(&self.sandbox, &arguments);
        command.current_dir(self.folder.path());
        run(command)
    }

    /// Where the last one went, and its body.
    fn last(&self) -> (String, String) {
        let received = self.sandbox.received();
        let last = received.last().unwrap();
        let body = String::from_utf8_lossy(last.body()).into_owned();
        (last.target().to_owned(), body)
    }
}

#[test]
fn an_image_and_a_video_go_where_their_extension_says() {
    let uploads = Uploads::new();
    for (file, path) in [
        ("a.JPG", "/v3/merchant/media/upload"),
        ("b.mp4", "/v3/merchant/media/video_upload"),
    ] {
        let outcome = uploads.upload(&[file]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert!(answer["media_id"].is_string());
        assert_eq!(uploads.last().0, path);
    }
}

#[test]
fn another_endpoint_gets_the_file_under_its_own_names() {
    let uploads = Uploads::new();
    let outcome = uploads.upload(&["c.pdf", "--to", "v3/marketing/favor/media/image-upload"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with(r#"{"media_url":"#));

    // The sandbox takes no file there, but has what came.
    let path = "/v3/mch-manage/submission-files/sub-mchid/1900000110/upload";
    uploads.upload(&["c.pdf", "--to", path, "--field", "item_id=7"]);
    let (target, body) = uploads.last();
    assert_eq!(target, path);
    for part in [
        r#"{"file_name":"c.pdf","file_digest":""#,
        r#"name="submission_file"; filename="c.pdf""#,
        r#"name="item_id""#,
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }

    let path = "v3/new-tax-control-fapiao/fapiao-applications/upload-fapiao-file";
    let meta = ["--meta", "sub_mchid=1900000110", "--meta", "number:=1"];
    uploads.upload(&[&["c.pdf", "--to", path][..], &meta].concat());
    let (_, body) = uploads.last();
    let start = r#"{"sub_mchid":"1900000110","number":1,"digest":""#;
    assert!(body.contains(start), "{body}");
}

#[test]
fn what_can_not_be_uploaded_says_why() {
    let uploads = Uploads::new();
    assert_snapshot!(uploads.upload(&["c.pdf"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: c.pdf is no image (jpg, jpeg, bmp, png) and no video (avi, wmv, mpeg, mp4, mov, mkv, flv, f4v, m4v, rmvb); --to PATH says where it goes
    ");
    assert_snapshot!(uploads.upload(&["none.png"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: none.png: No such file or directory (os error 2)
    ");
    assert_snapshot!(uploads.upload(&["a.JPG", "--to", "v3/certificates"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: v3/certificates takes no file: wechatpay explain v3/certificates
    ");
    assert_snapshot!(uploads.upload(&["a.JPG", "--meta", "x"]).shown(), @"
    exit 2
    --- stdout
    --- stderr
    error: --meta x: wanted is NAME=VALUE
    ");
    assert!(uploads.sandbox.received().is_empty());
}
