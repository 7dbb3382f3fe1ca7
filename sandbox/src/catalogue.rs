//! Which endpoints APIv3 has, to tell those that the sandbox has yet to learn from those that there
//! are not.

use http::Method;

/// A line each, sorted: two digits of base 36 that say how much the path has in common with the one
/// before, the first letters of its methods (`A` for PATCH, `U` for PUT), a space, and the rest of
/// the path, in which `{}` is a segment that varies.
const ENDPOINTS: &str = include_str!("endpoints.txt");

/// The methods of a path; none when there is no such path.
pub(crate) fn methods(path: &str) -> Vec<Method> {
    let mut found = Vec::new();
    each(|known, letters| {
        if fits(known, path) {
            found.extend(letters.chars().filter_map(method));
        }
    });
    found.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    found.dedup();
    found
}

fn each(mut visit: impl FnMut(&str, &str)) {
    let mut path = String::new();
    for line in ENDPOINTS.lines() {
        let Some((head, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((common, letters)) = head.split_at_checked(2) else {
            continue;
        };
        path.truncate(usize::from_str_radix(common, 36).unwrap_or(0));
        path.push_str(rest);
        visit(&path, letters);
    }
}

fn method(letter: char) -> Option<Method> {
    Some(match letter {
        'G' => Method::GET,
        'P' => Method::POST,
        'U' => Method::PUT,
        'D' => Method::DELETE,
        'A' => Method::PATCH,
        _ => return None,
    })
}

fn fits(known: &str, path: &str) -> bool {
    let mut path = path.split('/');
    let is_each = known.split('/').all(|known| {
        let segment = path.next();
        segment.is_some_and(|segment| match known.split_once("{}") {
            None => segment == known,
            Some((start, end)) => {
                let inside = segment.strip_prefix(start);
                let inside = inside.and_then(|inside| inside.strip_suffix(end));
                inside.is_some_and(|inside| !inside.is_empty())
            }
        })
    });
    is_each && path.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_with_their_methods() {
        let mut count = 0;
        each(|path, letters| {
            assert!(path.starts_with('/') && !letters.is_empty(), "{path}");
            count += 1;
        });
        assert!(count > 800, "{count}");
        assert_eq!(methods("/v3/bill/tradebill"), [Method::GET]);
        assert_eq!(
            methods("/v3/payscore/serviceorder"),
            [Method::GET, Method::POST]
        );
        assert!(methods("/v3/nothing").is_empty());
        assert_eq!(methods("/v3/profitsharing/orders/P2020"), [Method::GET]);
        assert!(methods("/v3/profitsharing/orders/").is_empty());
    }
}
