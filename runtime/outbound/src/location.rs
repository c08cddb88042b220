//! The URL of an HTTP call: the participant's base or a whole URL, with the identity among its query parameters and, where
//! the path asks for it, in the path.

use url::{Url, form_urlencoded};

use crate::directory::Target;
use crate::failure::Unsendable;
use crate::identity::Identity;

/// Puts the URL together and parses it once. `base`: what a participant's paths follow, without a slash at its end.
pub(crate) fn locate(target: Target<'_, '_>, base: &str, identity: &Identity) -> Result<Url, Unsendable> {
    let (base, rest) = match target {
        Target::Participant(_, rest) => (base, rest),
        Target::Url(url) | Target::Name(url) => ("", url),
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut text = String::with_capacity(base.len() + rest.len() + 200);
    text.push_str(base);
    identity.write_path(&mut text, path);
    text.push('?');
    write_kept(&mut text, query, identity);
    identity.write_query(&mut text);
    let url = Url::parse(&text).map_err(|e| Unsendable::Url { target: shown(target), reason: e.to_string() })?;
    check(&url, target)?;
    Ok(url)
}

/// The URL of a guest's own request to a host that is no participant: nothing is added to it.
pub(crate) fn as_it_is(url: &str) -> Result<Url, Unsendable> {
    let target = Target::Url(url);
    let parsed = Url::parse(url).map_err(|e| Unsendable::Url { target: shown(target), reason: e.to_string() })?;
    if !matches!(parsed.scheme(), "http" | "https") {
        let reason = "only http and https are sent".to_owned();
        return Err(Unsendable::Url { target: shown(target), reason });
    }
    check(&parsed, target)?;
    Ok(parsed)
}

/// Appends the parameters of `query` that the identity does not set, as they were written.
fn write_kept(text: &mut String, query: &str, identity: &Identity) {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or(pair);
        // `%67id` is `gid` to the one who reads it.
        let set = if name.contains(['%', '+']) {
            form_urlencoded::parse(name.as_bytes()).next().is_some_and(|(name, _)| identity.sets(&name))
        } else {
            identity.sets(name)
        };
        if !set {
            text.push_str(pair);
            text.push('&');
        }
    }
}

fn check(url: &Url, target: Target<'_, '_>) -> Result<(), Unsendable> {
    match target {
        Target::Participant(place, _) => {
            let base = place.base_path();
            let inside = url.path().strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if !inside {
                return Err(Unsendable::Outside { target: shown(target), base: base.to_owned() });
            }
        }
        Target::Url(_) | Target::Name(_) => {
            if !url.username().is_empty() || url.password().is_some() {
                return Err(Unsendable::UserInfo);
            }
        }
    }
    Ok(())
}

/// The target without query and user info, and not longer than an error should be.
pub(crate) fn shown(target: Target<'_, '_>) -> String {
    let (start, text) = match target {
        Target::Participant(place, rest) => (place.name.as_str(), rest),
        Target::Url(url) | Target::Name(url) => ("", url),
    };
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let text = &text[..end];
    let text = match target {
        Target::Url(_) | Target::Name(_) => text.rsplit_once('@').map_or(text, |(_, host)| host),
        Target::Participant(..) => text,
    };
    start.chars().chain(text.chars()).take(160).collect()
}
