//! The XML of APIv2: what PHP's `Transformer` did on the same input, and what must never happen.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wechatpay_chain::Error;
use wechatpay_chain::transformer::{to_value, to_xml};

fn recording(part: &str) -> Vec<Value> {
    let rows: Value = serde_json::from_str(include_str!("../vectors/xml.json")).unwrap();
    rows[part].as_array().unwrap().clone()
}

/// The message of what must be refused with a position.
fn refused(xml: &str) -> String {
    match to_value(xml) {
        Err(error @ Error::Decode(_)) => {
            let text = error.to_string();
            assert!(text.contains(" at line "), "{text}");
            assert!(!text.contains('\n'), "{text}");
            text
        }
        other => panic!("{other:?}"),
    }
}

fn read(xml: &str) -> Value {
    to_value(xml).unwrap()
}

#[test]
fn values_are_written_as_php_writes_them() {
    for row in recording("to_xml") {
        let written = to_xml(&row["data"]);
        if row["data"]["cd"] == "]]>" {
            // PHP's is not well-formed: its own parser makes nothing of it.
            assert_eq!(written, "<xml><cd><![CDATA[]]]]><![CDATA[>]]></cd></xml>");
            assert_eq!(read(&written), row["data"]);
            refused(row["xml"].as_str().unwrap());
        } else {
            assert_eq!(written, row["xml"].as_str().unwrap());
        }
    }
}

#[test]
fn xml_is_read_as_php_reads_it_but_what_php_makes_empty_is_an_error() {
    let mut count = 0;
    for row in recording("to_array") {
        let xml = row["xml"].as_str().unwrap();
        if xml.contains("<!DOCTYPE") || (row["array"] == json!({}) && xml != "<xml/>") {
            refused(xml);
            count += 1;
        } else {
            assert_eq!(read(xml), row["array"], "{xml}");
        }
    }
    // Two with a DOCTYPE and six that are empty in PHP.
    assert_eq!(count, 8);
}

#[test]
fn what_gateways_send_around_and_within_the_values_is_understood() {
    for xml in [
        "\u{feff}<xml><a>1</a></xml>",
        "  \n<xml><a>1</a></xml>\n\n",
        "\u{feff}<?xml version='1.0' encoding='utf-8' ?>\r\n<xml>\r\n<a>1</a>\r\n</xml>",
        "<xml><a>1\u{8}</a></xml>",
        "<x\u{0}ml><a>1</a></xml>",
        "<xml xmlns=\"u\"><a b='&lt;' c=\"'\">1</a></xml>",
        "<!-- a - b --><xml><?php echo ?><a><!-- x -->1</a></xml><!-- y -->",
        "<xml><a><![CDATA[]]>1<![CDATA[]]></a></xml>",
        "<xml><a>&#49;</a></xml>",
        "<xml><a>&#x31;</a></xml>",
        "<xml ><a >1</a ></xml >",
    ] {
        assert_eq!(read(xml), json!({ "a": "1" }), "{xml:?}");
    }
    assert_eq!(
        read("<xml><a>x<![CDATA[&<]]>y</a></xml>"),
        json!({ "a": "x&<y" })
    );
    assert_eq!(
        read("<xml><c> </c><d><![CDATA[ x ]]></d><e>\t</e></xml>"),
        json!({ "c": " ", "d": " x ", "e": "\t" })
    );
    assert_eq!(
        read("<xml><a>&amp;lt;&apos;&#x1F3E0;</a></xml>"),
        json!({ "a": "&lt;'🏠" })
    );
    assert_eq!(read("<xml/>"), json!({}));
    assert_eq!(read("<xml> \n </xml>"), json!({}));
}

#[test]
fn quotes_are_read_alike_in_cdata_as_references_and_raw() {
    let value = json!({ "attach": "{\"key\":\"something\"}" });
    for xml in [
        "<xml><attach><![CDATA[{\"key\":\"something\"}]]></attach></xml>",
        "<xml><attach>{&quot;key&quot;:&quot;something&quot;}</attach></xml>",
        "<xml><attach>{\"key\":\"something\"}</attach></xml>",
        "<xml><attach>{&#34;key<![CDATA[\":\"]]>something&#x22;}</attach></xml>",
    ] {
        assert_eq!(read(xml), value, "{xml}");
    }
    assert_eq!(read(&to_xml(&value)), value);
    // Four characters that stand for no quote are four characters.
    assert_eq!(
        read("<xml><attach>{\\x22key\\x22}</attach></xml>"),
        json!({ "attach": "{\\x22key\\x22}" })
    );
}

#[test]
fn elements_of_a_declared_prefix_are_dropped_and_others_keep_their_name() {
    for (xml, value) in [
        (
            "<xml xmlns:n=\"u\"><n:a>1</n:a><c>2</c></xml>",
            json!({ "c": "2" }),
        ),
        (
            "<xml><n:a xmlns:n='u'>1</n:a><n:b>2</n:b></xml>",
            json!({ "n:b": "2" }),
        ),
        ("<xml><n:a>1</n:a></xml>", json!({ "n:a": "1" })),
        ("<xml><xml:a>1</xml:a></xml>", json!({})),
        (
            "<n:xml xmlns:n='u'><a>x<n:b>1</n:b>y</a></n:xml>",
            json!({ "a": "xy" }),
        ),
    ] {
        assert_eq!(read(xml), value, "{xml}");
    }
}

#[test]
fn repeated_elements_are_a_list_wherever_they_stand() {
    assert_eq!(
        read("<xml><a>1</a><b/><a><c>2</c></a><a/></xml>"),
        json!({ "a": ["1", { "c": "2" }, ""], "b": "" })
    );
    let list = json!({ "a": { "item": ["1", "2"] } });
    assert_eq!(read(&to_xml(&json!({ "a": [1, 2] }))), list);
}

#[test]
fn what_is_no_well_formed_xml_is_refused_and_says_where() {
    for (xml, words) in [
        ("", "there is no element in it at line 1, column 1"),
        (" \n ", "there is no element in it at line 2, column 2"),
        ("<!-- only -->", "there is no element"),
        ("<?xml version=\"1.0\"?>", "there is no element"),
        ("plain text", "text outside of the root element"),
        ("{\"code\":\"FAIL\"}", "text outside"),
        ("<xml/>x", "text outside"),
        ("<xml/>&#32;", "text outside"),
        ("<![CDATA[ ]]><xml/>", "text outside"),
        ("\u{feff}\u{feff}<xml/>", "text outside"),
        ("<xml>SUCCESS</xml>", "the root holds text and no element"),
        (
            "<xml><a>x</a></xml>\n<xml/>",
            "a second root element at line 2, column 1",
        ),
        ("<xml><a>", "is not closed at line 1, column 9"),
        (
            "<xml>\n <a>\n</xml>",
            "an end tag is not that of the element that is open at line 3",
        ),
        ("</xml>", "an end tag closes no element"),
        ("<xml><a", "a tag is not closed at line 1, column 6"),
        ("<xml><a b=\"", "a tag is not closed"),
        (
            "<xml><![CDATA[x</xml>",
            "CDATA is not closed at line 1, column 6",
        ),
        ("<xml><!-- x</xml>", "a comment is not closed"),
        ("<xml><!-- x -- y --></xml>", "no well-formed XML"),
        ("<xml><!ELEMENT a></xml>", "DOCTYPE"),
        (
            "<xml><a>&nbsp;</a></xml>",
            "an & begins no character reference",
        ),
        (
            "<xml><a>a & b</a></xml>",
            "an & begins no character reference",
        ),
        ("<xml><a>&#8;</a></xml>", "an & begins"),
        ("<xml><a>&#xD800;</a></xml>", "an & begins"),
        ("<xml><a>&#99999999999;</a></xml>", "an & begins"),
        ("<xml><a>&#;</a></xml>", "an & begins"),
        ("<xml><a>&#x+1;</a></xml>", "an & begins"),
        ("<xml><a b=\"&c;\"/></xml>", "an & begins"),
        ("<xml><a b=\"&\"/></xml>", "an & begins"),
        ("<xml><a>]]></a></xml>", "]]> stands outside of CDATA"),
        ("<xml><1a/></xml>", "is none that XML allows"),
        ("<xml>< a/></xml>", "is none that XML allows"),
        ("<xml><a/ ></a/ ></xml>", "is none that XML allows"),
        ("<xml><a <b=\"1\"/></xml>", "is none that XML allows"),
        ("<xml><a b=1/></xml>", "an attribute is malformed"),
        ("<xml><a b/></xml>", "an attribute is malformed"),
        ("<xml><a b=\"<\"/></xml>", "an attribute is malformed"),
        ("<xml><a b=\"1\" b=\"2\"/></xml>", "stands twice"),
        (" <?xml version=\"1.0\"?><xml/>", "the XML declaration"),
        ("<xml><?xml version=\"1.0\"?></xml>", "the XML declaration"),
        ("<?xml?><xml/>", "the XML declaration"),
        ("<html><body>404</body></html>", "it is an HTML page"),
        (
            "<HTML>\r\n<head><title>400</title></head><hr></HTML>",
            "it is an HTML page",
        ),
        ("<!DOCTYPE html>\n<html lang=en>", "it is an HTML page"),
        (
            "<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
            "it is an HTML page",
        ),
    ] {
        let text = refused(xml);
        assert!(text.contains(words), "{xml}: {text}");
    }
}

#[test]
fn no_entity_is_declared_or_expanded_and_no_file_is_read() {
    let laughs = "<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">";
    for xml in [
        "<!DOCTYPE xml><xml/>".to_owned(),
        format!("<?xml version=\"1.0\"?><!DOCTYPE l [{laughs}]><xml><v>&b;</v></xml>"),
        "<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a></xml>"
            .to_owned(),
        "<!DOCTYPE xml SYSTEM \"http://127.0.0.1:1/x.dtd\"><xml/>".to_owned(),
        "<!DOCTYPE xml [<!ENTITY % p SYSTEM \"file:///dev/zero\"> %p;]><xml/>".to_owned(),
        "<xml><!doctype xml></xml>".to_owned(),
        "<!DOCTYPE".to_owned(),
    ] {
        assert!(refused(&xml).contains("DOCTYPE"), "{xml}");
    }
}

#[test]
fn more_than_32_levels_are_refused_where_the_33rd_begins() {
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!(
            "<xml>{}x{}</xml>",
            "<a>".repeat(inner),
            "</a>".repeat(inner)
        )
    };
    let mut value = &read(&nested(32));
    let mut levels = 1;
    while let Some(inner) = value.get("a") {
        value = inner;
        levels += 1;
    }
    assert_eq!((levels, value.as_str()), (32, Some("x")));
    assert_eq!(
        refused(&nested(33)),
        "the XML can't be read: elements nest more than 32 deep at line 1, column 99"
    );
}

#[test]
fn megabytes_of_anything_end_soon() {
    let deep = "<a>".repeat(3_300_000);
    // A debug build is slow; what is quadratic would show all the same.
    let many = |text: &str| text.repeat(1_000_000 / text.len());
    let refused_ones = [
        format!("<xml>{deep}</xml>"),
        format!("<xml>{}", many("<a b='c'>")),
        many("<"),
        many("&"),
        format!("<xml>{}", many("&a")),
        format!("<xml><!--{}", many("-")),
        format!("<xml><![CDATA[{}", many("]")),
        format!("<xml>{}", many("<![CDATA[")),
        format!("<xml><a {}", many("'")),
        format!("<!DOCTYPE xml [{}", many("<!ENTITY a 'b'>")),
        many("\r"),
        many("\u{fffe}"),
    ];
    let start = Instant::now();
    for xml in refused_ones {
        refused(&xml);
    }
    let numbered = |start: &str, end: &str| {
        let parts: Vec<_> = (0..60_000).map(|i| format!("{start}{i}{end}")).collect();
        parts.concat()
    };
    for xml in [
        format!("<xml>{}</xml>", many("<a/>")),
        format!("<xml><a>{}</a></xml>", many("&amp;")),
        format!("<xml><a>{}</a></xml>", many("<![CDATA[]]>")),
        format!("<xml>{}</xml>", many("<!---->")),
        format!("<xml {}/>", numbered("a", "='' ")),
        format!(
            "<xml {}>{}</xml>",
            numbered("xmlns:a", "='u' "),
            many("<b:a/>")
        ),
        format!("<xml>{}</xml>", numbered("<a", "/>")),
    ] {
        read(&xml);
    }
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_written_is_read_back_whatever_the_text_is() {
    let texts = [
        "",
        " ",
        "\n",
        "\r",
        "a\r\nb",
        "<\r>",
        "]]>",
        "]]",
        "]]>]]>",
        "a]]>\r&\"",
        "&amp;",
        "<![CDATA[x]]>",
        "🏠 诚信🔥 a%n?",
        "\u{85}\u{2028}",
        "'",
        "\"",
        "\t",
    ];
    for text in texts {
        let value = json!({ "a": text, "b": { "c": text } });
        assert_eq!(read(&to_xml(&value)), value, "{text:?}");
    }
    assert_eq!(
        to_xml(&json!({ "a": "1\u{0}2\u{8}\u{ffff}<" })),
        "<xml><a><![CDATA[12<]]></a></xml>"
    );
}

#[test]
fn numbers_words_and_empty_things_are_written_as_php_writes_them() {
    for (value, xml) in [
        (json!({}), "<xml/>"),
        (json!({ "a": {}, "b": [] }), "<xml><a/><b/></xml>"),
        (
            json!({ "a": [[], [1]] }),
            "<xml><a><item/><item><item>1</item></item></a></xml>",
        ),
        (
            json!({ "a": 2900.0, "b": 0.1, "c": -1 }),
            "<xml><a>2900</a><b>0.1</b><c>-1</c></xml>",
        ),
        (
            json!([1, "<"]),
            "<xml><item>1</item><item><![CDATA[<]]></item></xml>",
        ),
        (json!("a"), "<xml>a</xml>"),
        (json!(null), "<xml></xml>"),
        (
            json!({ "": 1, "a b": { "<": 2 } }),
            "<xml><item>1</item><item><item>2</item></item></xml>",
        ),
    ] {
        assert_eq!(to_xml(&value), xml);
    }
}
