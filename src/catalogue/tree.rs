//! The tree as data: which endpoints there are, and which one a path is.

use std::fmt;

use super::{overseas, v2, v3};

/// A place of the tree.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) method: &'static str,
    pub(crate) segment: &'static str,
    /// The host of the endpoints here and below, where it is not the client's.
    pub(crate) host: Option<&'static str>,
    pub(crate) verbs: &'static [Verb],
    pub(crate) children: &'static [Self],
}

/// A known verb of a place.
#[derive(Debug)]
pub(crate) struct Verb {
    pub(crate) verb: &'static str,
    pub(crate) title: &'static str,
    /// What the client acts on: a name, and the fields it is about, comma separated.
    pub(crate) marks: &'static [(&'static str, &'static str)],
}

/// The segment that stands for a trailing slash.
const EMPTY: &str = "{empty}";

fn roots() -> [&'static Node; 4] {
    [
        &v2::TREE,
        &v3::TREE,
        &overseas::hk::TREE,
        &overseas::global::TREE,
    ]
}

impl Node {
    /// The variable's name, where this place is one.
    pub(crate) fn variable(&self) -> Option<&'static str> {
        self.segment.strip_prefix('{')?.strip_suffix('}')
    }

    /// The child that is written so.
    fn child(&self, segment: &str) -> Option<&'static Self> {
        let children = self.children;
        let found = children.binary_search_by(|child| child.segment.cmp(segment));
        children.get(found.ok()?)
    }
}

/// An endpoint that is known.
#[derive(Clone, Copy)]
pub struct Endpoint {
    place: Place,
    verb: &'static Verb,
}

impl Endpoint {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub fn verb(&self) -> &'static str {
        self.verb.verb
    }

    /// The path as `chain()` takes it: no leading slash, variables in braces, APIv2's under `v2/`.
    pub fn path(&self) -> String {
        self.place.path()
    }

    /// The official title, in Chinese.
    pub fn title(&self) -> &'static str {
        self.verb.title
    }

    /// The names of the path's variables, in their order.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> + use<> {
        let variables = self.place.nodes().filter_map(|node| node.variable());
        variables.filter(|name| *name != "empty")
    }

    /// The host, where it is another than `api.mch.weixin.qq.com`.
    pub fn host(&self) -> Option<&'static str> {
        self.place.host()
    }

    /// Whether the endpoint wants the merchant certificate (APIv2's mutual TLS).
    pub fn needs_client_certificate(&self) -> bool {
        self.has_mark("certificate")
    }

    /// JSON pointers of the request's sensitive fields; `*` is each element of a list, and `/meta!`
    /// in front leads into the JSON text of an upload's part `meta`.
    pub fn sensitive_request(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.marked("request")
    }

    /// JSON pointers of the answer's sensitive fields; `*` is each element of a list.
    pub fn sensitive_response(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.marked("response")
    }

    /// Names of the query's sensitive values.
    pub fn sensitive_query(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.marked("query")
    }

    /// Whether the request's sensitive fields are encrypted with RSAES-PKCS1-v1_5, as the customs'
    /// `verify-certificate` wants them; all others are with RSAES-OAEP.
    pub fn needs_pkcs1v15(&self) -> bool {
        self.has_mark("pkcs1v15")
    }

    /// The page of the documentation that collects WeChat Pay's own.
    pub fn documentation(&self) -> String {
        format!("https://wechatpay.im/openapi/{}", self.path())
    }

    /// The methods that lead here, as Rust: `v3().pay().transactions().native()`.
    pub fn methods(&self) -> String {
        let methods: Vec<_> = self.place.nodes().map(|node| node.method).collect();
        format!("{}()", methods.join("()."))
    }

    fn has_mark(&self, mark: &str) -> bool {
        self.verb.marks.iter().any(|(name, _)| *name == mark)
    }

    fn marked(&self, mark: &'static str) -> impl Iterator<Item = &'static str> + use<> {
        let marks = self.verb.marks.iter();
        marks
            .filter(move |(name, _)| *name == mark)
            .flat_map(|(_, fields)| fields.split(','))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb(), self.path(), self.title())
    }
}

/// Every endpoint that is known, in the order of the paths' segments.
///
/// ```
/// use wechatpay_chain::catalogue::endpoints;
///
/// let native = endpoints().find(|endpoint| endpoint.path() == "v3/pay/transactions/native");
/// assert_eq!(native.unwrap().title(), "Native下单");
/// ```
pub fn endpoints() -> Endpoints {
    let places = roots().into_iter().rev().map(Place::root).collect();
    Endpoints {
        places,
        current: None,
    }
}

/// The iterator of [`endpoints`].
#[derive(Clone)]
#[must_use = "an iterator does nothing unless it is used"]
pub struct Endpoints {
    places: Vec<Place>,
    current: Option<(Place, std::slice::Iter<'static, Verb>)>,
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints")
    }
}

impl Iterator for Endpoints {
    type Item = Endpoint;

    fn next(&mut self) -> Option<Endpoint> {
        loop {
            if let Some((place, verbs)) = &mut self.current {
                if let Some(verb) = verbs.next() {
                    let place = *place;
                    return Some(Endpoint { place, verb });
                }
            }
            let place = self.places.pop()?;
            let children = place.node().children.iter().rev();
            self.places
                .extend(children.filter_map(|child| place.below(child)));
            self.current = Some((place, place.node().verbs.iter()));
        }
    }
}

/// The deepest path of the catalogue has eleven segments.
const DEPTH: usize = 16;

/// A place, and how it is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    nodes: [Option<&'static Node>; DEPTH],
    node: &'static Node,
    depth: usize,
}

impl Place {
    fn root(node: &'static Node) -> Self {
        let mut nodes = [None; DEPTH];
        if let Some(first) = nodes.first_mut() {
            *first = Some(node);
        }
        Self {
            nodes,
            node,
            depth: 1,
        }
    }

    fn below(&self, child: &'static Node) -> Option<Self> {
        let mut below = *self;
        *below.nodes.get_mut(self.depth)? = Some(child);
        below.depth += 1;
        below.node = child;
        Some(below)
    }

    /// Becomes the child that is written so, if there is one.
    fn descend(&mut self, segment: &str) -> bool {
        let child = self.node.child(segment);
        let below = child.and_then(|child| self.below(child));
        below.map(|below| *self = below).is_some()
    }

    pub(crate) fn node(&self) -> &'static Node {
        self.node
    }

    fn nodes(&self) -> impl Iterator<Item = &'static Node> + use<> {
        self.nodes.into_iter().flatten()
    }

    fn path(&self) -> String {
        let mut path = String::with_capacity(64);
        for (index, node) in self.nodes().enumerate() {
            if index > 0 {
                path.push('/');
            }
            if node.segment != EMPTY {
                path.push_str(node.segment);
            }
        }
        path
    }

    pub(crate) fn host(&self) -> Option<&'static str> {
        self.nodes().filter_map(|node| node.host).last()
    }

    /// The endpoint here that has this verb.
    pub(crate) fn endpoint(self, verb: &str) -> Option<Endpoint> {
        let verb = self.node.verbs.iter().find(|known| known.verb == verb)?;
        Some(Endpoint { place: self, verb })
    }
}

/// A walk down the tree, one segment at a time. It may stand in several places at once, since a
/// value tells nothing of the variable's name.
#[derive(Clone)]
pub(crate) struct Walk {
    /// `None` before the first segment.
    places: Option<Vec<Place>>,
}

/// What a segment is to the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Literal,
    /// A value or a template in the place of this variable.
    Variable(&'static str),
    Unknown,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self { places: None }
    }

    /// Whether the catalogue has this literal as the next segment.
    pub(crate) fn has_literal(&self, segment: &str) -> bool {
        self.written(segment)
            .is_some_and(|node| node.variable().is_none())
    }

    /// Whether the catalogue has a variable as the next segment.
    pub(crate) fn has_variable(&self) -> bool {
        self.children().any(|(_, child)| child.variable().is_some())
    }

    /// Goes one segment down: to the literal, or the variable that a template names, if there is one;
    /// else to the variables.
    pub(crate) fn step(&mut self, segment: &str) -> Kind {
        if let Some(found) = self.written(segment) {
            match &mut self.places {
                // A place has one child of a name, so there is room for all.
                Some(places) => places.retain_mut(|place| place.descend(segment)),
                None => self.places = Some(vec![Place::root(found)]),
            }
            return found.variable().map_or(Kind::Literal, Kind::Variable);
        }
        // An empty segment is a trailing slash, which only `{empty}` stands for.
        let variables = self.down(|child| match child.variable() {
            None => false,
            Some("empty") => segment.is_empty(),
            Some(_) => !segment.is_empty(),
        });
        let name = variables.first().and_then(|place| place.node.variable());
        self.places = Some(variables);
        name.map_or(Kind::Unknown, Kind::Variable)
    }

    /// Where the walk has come to; of several places the first one of the table that has verbs.
    pub(crate) fn place(&self) -> Option<Place> {
        let places = self.places.as_deref().unwrap_or_default();
        let with_verbs = places.iter().find(|place| !place.node.verbs.is_empty());
        with_verbs.or_else(|| places.first()).copied()
    }

    /// The endpoint that has this verb, in whichever of the places.
    pub(crate) fn endpoint(&self, verb: &str) -> Option<Endpoint> {
        let places = self.places.as_deref().unwrap_or_default();
        places.iter().find_map(|place| place.endpoint(verb))
    }

    /// The next place that is written so, a literal or a template's variable.
    fn written(&self, segment: &str) -> Option<&'static Node> {
        match &self.places {
            None => roots().into_iter().find(|root| root.segment == segment),
            Some(places) => places.iter().find_map(|place| place.node.child(segment)),
        }
    }

    fn down(&self, is_meant: impl Fn(&Node) -> bool) -> Vec<Place> {
        let meant = self.children().filter(|(_, child)| is_meant(child));
        meant
            .filter_map(|(parent, child)| match parent {
                None => Some(Place::root(child)),
                Some(parent) => parent.below(child),
            })
            .collect()
    }

    fn children(&self) -> impl Iterator<Item = (Option<&Place>, &'static Node)> {
        let roots = roots().into_iter().filter(|_| self.places.is_none());
        let places = self.places.iter().flatten();
        let below = places.flat_map(|place| {
            let children = place.node.children.iter();
            children.map(move |child| (Some(place), child))
        });
        roots.map(|root| (None, root)).chain(below)
    }
}

/// Walks a whole path.
pub(crate) fn walk(path: &str) -> Walk {
    let mut walk = Walk::new();
    for segment in path.split('/') {
        walk.step(segment);
    }
    walk
}

/// The known paths nearest to one that is not known, the nearest first.
pub(crate) fn nearest(path: &str) -> Vec<String> {
    const ENOUGH: f64 = 0.75;
    const AS_GOOD: f64 = 0.02;
    let mut known: Vec<_> = endpoints().map(|endpoint| endpoint.path()).collect();
    known.dedup();
    let mut scored: Vec<_> = known
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(path, &known), known))
        .filter(|(score, _)| *score >= ENOUGH)
        .collect();
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    let near = scored.into_iter().take(3);
    near.filter(|(score, _)| best - score < AS_GOOD)
        .map(|(_, path)| path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_place() -> Vec<&'static Node> {
        let mut open = roots().to_vec();
        let mut places = Vec::new();
        while let Some(node) = open.pop() {
            places.push(node);
            open.extend(node.children);
        }
        places
    }

    #[test]
    fn every_place_leads_to_an_endpoint_and_its_marks_are_known() {
        for node in every_place() {
            assert!(!node.verbs.is_empty() || !node.children.is_empty());
            for (name, fields) in node.verbs.iter().flat_map(|verb| verb.marks) {
                match *name {
                    "certificate" | "pkcs1v15" => assert!(fields.is_empty()),
                    "query" => assert!(!fields.is_empty() && !fields.contains('/')),
                    "request" | "response" => {
                        assert!(fields.split(',').all(|field| field.starts_with('/')));
                    }
                    other => panic!("the mark {other} means nothing"),
                }
            }
        }
    }

    #[test]
    fn the_children_of_a_place_stand_in_the_order_of_their_segments() {
        for node in every_place() {
            let is_sorted = |pair: &[Node]| pair[0].segment < pair[1].segment;
            assert!(node.children.windows(2).all(is_sorted), "{node:?}");
        }
    }

    #[test]
    fn a_literal_wins_over_a_variable_and_a_template_goes_by_its_name() {
        let endpoint = |path: &str, verb| walk(path).endpoint(verb).unwrap().path();
        let coupons = "v3/marketing/busifavor/coupons";
        assert_eq!(
            endpoint(&format!("{coupons}/send"), "POST"),
            format!("{coupons}/send")
        );
        assert_eq!(
            endpoint(&format!("{coupons}/x/send"), "POST"),
            format!("{coupons}/{{card_id}}/send")
        );
        let refunds = "v3/refund/domestic/refunds";
        for (path, verb, known) in [
            ("1", "GET", "{out_refund_no}"),
            ("{x}", "GET", "{out_refund_no}"),
            (
                "1/apply-abnormal-refund",
                "POST",
                "{refund_id}/apply-abnormal-refund",
            ),
        ] {
            let path = format!("{refunds}/{path}");
            assert_eq!(endpoint(&path, verb), format!("{refunds}/{known}"));
        }
        assert!(walk("v3/nothing").place().is_none());
        assert!(walk(coupons).endpoint("GET").is_none());
    }

    #[test]
    fn a_host_holds_for_the_places_below() {
        let host = |path| walk(path).place().unwrap().host();
        assert_eq!(host("v3/global/refunds"), Some("apihk.mch.weixin.qq.com"));
        assert_eq!(
            host("v2/risk/getpublickey"),
            Some("fraud.mch.weixin.qq.com")
        );
        assert_eq!(host("v3/pay/transactions/native"), None);
    }
}
