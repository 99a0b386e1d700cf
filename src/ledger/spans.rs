//! Sets of times: what was seen, less what was not. Half-open intervals of microseconds.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub from: i64,
    pub to: i64,
}

impl Span {
    pub const fn new(from: i64, to: i64) -> Self {
        Self { from, to }
    }
}

/// The times in any of `spans`: ascending, disjoint, not empty.
pub(super) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|s| s.from < s.to);
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => out.push(span),
        }
    }
    out
}

/// The times in `spans` and not in `holes`; both as [`union`] gives them.
pub(super) fn subtract(spans: &[Span], holes: &[Span]) -> Vec<Span> {
    let mut out = Vec::with_capacity(spans.len());
    let mut first = 0;
    for span in spans {
        let mut from = span.from;
        // Holes that end before this span begins are over for all later spans too.
        while holes.get(first).is_some_and(|hole| hole.to <= span.from) {
            first += 1;
        }
        for hole in holes[first..].iter().take_while(|hole| hole.from < span.to) {
            if from < hole.from {
                out.push(Span::new(from, hole.from));
            }
            from = from.max(hole.to);
        }
        if from < span.to {
            out.push(Span::new(from, span.to));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::vec((0_i64..60, 0_i64..20).prop_map(|(from, len)| Span::new(from, from + len)), 0..12)
    }

    fn holds(spans: &[Span], t: i64) -> bool {
        spans.iter().any(|s| s.from <= t && t < s.to)
    }

    proptest! {
        #[test]
        fn are_sets(a in spans(), b in spans()) {
            let (ua, ub) = (union(a.clone()), union(b.clone()));
            let rest = subtract(&ua, &ub);
            for t in -1..90 {
                prop_assert_eq!(holds(&ua, t), holds(&a, t));
                prop_assert_eq!(holds(&rest, t), holds(&a, t) && !holds(&b, t));
            }
            prop_assert!(ua.windows(2).all(|w| w[0].to < w[1].from));
            prop_assert!(rest.iter().all(|s| s.from < s.to) && rest.windows(2).all(|w| w[0].to <= w[1].from));
        }
    }
}
