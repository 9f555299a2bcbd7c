//! Content negotiation: the media type that a client prefers, by `Accept` (RFC 9110 §12.5.1).

use crate::http::{Fields, accept};

/// The index of the offer that the client prefers. Of offers with equal qualities the first wins,
/// also where the client accepts none: an answer in another form is of more use than 406, and the
/// RFC allows both (§15.5.7).
pub fn best_media_type(fields: &Fields, offers: &[&str]) -> usize {
    let mut best = (0, 0);
    for (at, offer) in offers.iter().enumerate() {
        let weight = accept::media_type(fields, offer);
        if weight > best.1 {
            best = (at, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_of_the_most_specific_range_counts() {
        const OFFERS: [&str; 3] = ["text/plain", "text/html", "application/json"];
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (name, accept, want) in [
            ("nothing", &[][..], 0),
            ("empty", &[""], 0),
            ("anything", &["*/*"], 0),
            ("a browser", &[browser], 1),
            ("an image", &["image/avif,image/*,*/*;q=0.8"], 0),
            ("one", &["application/json"], 2),
            ("none of them", &["image/png"], 0),
            ("another kind", &["application/*"], 2),
            ("equal", &["text/html, text/plain"], 0),
            ("weights", &["text/plain;q=0.5, text/html;q=0.7"], 1),
            ("a precise range beats", &["text/*, text/plain;q=0.2"], 1),
            ("refused", &["text/plain;q=0, */*;q=0.1"], 1),
            ("all refused", &["*/*;q=0"], 0),
            ("over lines", &["text/plain;q=0.1", "application/json"], 2),
        ] {
            let mut fields = Fields::default();
            for value in accept {
                fields.push("Accept", value.as_bytes()).unwrap();
            }
            assert_eq!(
                best_media_type(&fields, &OFFERS),
                want,
                "{name}: {accept:?}"
            );
        }
    }
}
