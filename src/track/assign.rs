//! Minimum-cost assignment: the shortest-augmenting-path form of the Hungarian method (Jonker & Volgenant 1987).
//! Own code because the scratch must outlive the call: nothing is allocated per frame. Not here: what a cost means.

/// Scratch of the solver. One per tracker; grows to the largest problem seen and stays there.
#[derive(Debug, Default)]
pub struct Assigner {
    row_potential: Vec<f64>,
    col_potential: Vec<f64>,
    distance: Vec<f64>,
    previous: Vec<usize>,
    done: Vec<bool>,
    row_of: Vec<usize>,
    result: Vec<Option<usize>>,
}

const NONE: usize = usize::MAX;

impl Assigner {
    /// The columns of `rows`, or none. `cost` is row-major, `rows × cols`; a pair that costs `limit` or more (or is
    /// not a number) is never made, and leaving a row and a column free costs `limit`. Ties go to the lower index,
    /// so equal input gives equal output. O(n²·m) with n the smaller side.
    pub fn solve(&mut self, cost: &[f32], rows: usize, cols: usize, limit: f32) -> &[Option<usize>] {
        assert_eq!(cost.len(), rows * cols, "a cost per pair");
        let clipped = |c: f32| if c < limit { f64::from(c) } else { f64::from(limit) };
        self.result.clear();
        self.result.resize(rows, None);
        if rows <= cols {
            self.augment(rows, cols, |r, c| clipped(cost[r * cols + c]));
            for (c, &r) in self.row_of.iter().enumerate().filter(|(_, r)| **r != NONE) {
                self.result[r] = Some(c);
            }
        } else {
            self.augment(cols, rows, |r, c| clipped(cost[c * cols + r]));
            for (c, &r) in self.row_of.iter().enumerate().filter(|(_, r)| **r != NONE) {
                self.result[c] = Some(r);
            }
        }
        for (r, chosen) in self.result.iter_mut().enumerate() {
            // Asked this way round, a cost that is not a number is no pair.
            let is_pair = |c: usize| cost[r * cols + c] < limit;
            if !chosen.is_some_and(is_pair) {
                *chosen = None;
            }
        }
        &self.result
    }

    /// Fills `row_of` (per column its row) for `rows <= cols`.
    fn augment(&mut self, rows: usize, cols: usize, cost: impl Fn(usize, usize) -> f64) {
        refill(&mut self.row_potential, rows, 0.0);
        refill(&mut self.col_potential, cols, 0.0);
        refill(&mut self.row_of, cols, NONE);
        for start in 0..rows {
            refill(&mut self.distance, cols, f64::INFINITY);
            refill(&mut self.previous, cols, NONE);
            refill(&mut self.done, cols, false);
            let (mut row, mut reached, mut at) = (start, 0.0, NONE);
            // Dijkstra over columns, until one is free.
            let sink = loop {
                let mut next = NONE;
                for c in 0..cols {
                    if self.done[c] {
                        continue;
                    }
                    let through = reached + cost(row, c) - self.row_potential[row] - self.col_potential[c];
                    if through < self.distance[c] {
                        self.distance[c] = through;
                        self.previous[c] = at;
                    }
                    if next == NONE || self.distance[c] < self.distance[next] {
                        next = c;
                    }
                }
                self.done[next] = true;
                reached = self.distance[next];
                if self.row_of[next] == NONE {
                    break next;
                }
                (row, at) = (self.row_of[next], next);
            };
            self.row_potential[start] += reached;
            for c in (0..cols).filter(|&c| self.done[c] && c != sink) {
                self.row_potential[self.row_of[c]] += reached - self.distance[c];
                self.col_potential[c] -= reached - self.distance[c];
            }
            // Turn the pairs along the path.
            let mut c = sink;
            while self.previous[c] != NONE {
                self.row_of[c] = self.row_of[self.previous[c]];
                c = self.previous[c];
            }
            self.row_of[c] = start;
        }
    }
}

fn refill<T: Clone>(scratch: &mut Vec<T>, len: usize, value: T) {
    scratch.clear();
    scratch.resize(len, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_not_the_single_best_pair() {
        // Greedy would take 1.0 and then be left with 9.0.
        assert_eq!(Assigner::default().solve(&[1.0, 2.0, 3.0, 9.0], 2, 2, 100.0), [Some(1), Some(0)]);
    }

    #[test]
    fn what_costs_the_limit_stays_free() {
        let mut a = Assigner::default();
        assert_eq!(a.solve(&[5.0, f32::NAN, f32::INFINITY, 0.5], 2, 2, 5.0), [None, Some(1)]);
        assert_eq!(a.solve(&[], 0, 3, 5.0), []);
        assert_eq!(a.solve(&[], 2, 0, 5.0), [None, None]);
    }

    /// Every assignment by brute force: the best sum of `min(cost, limit)` over min(rows, cols) pairs.
    fn best(cost: &[f32], rows: usize, cols: usize, limit: f32) -> f64 {
        fn go(cost: &dyn Fn(usize, usize) -> f64, r: usize, rows: usize, used: &mut Vec<bool>) -> f64 {
            if r == rows {
                return 0.0;
            }
            let mut least = f64::INFINITY;
            for c in 0..used.len() {
                if !used[c] {
                    used[c] = true;
                    least = least.min(cost(r, c) + go(cost, r + 1, rows, used));
                    used[c] = false;
                }
            }
            least
        }
        let at = |r: usize, c: usize| f64::from(cost[r * cols + c].min(limit));
        if rows <= cols {
            go(&at, 0, rows, &mut vec![false; cols])
        } else {
            go(&|r, c| at(c, r), 0, cols, &mut vec![false; rows])
        }
    }

    #[test]
    fn equals_brute_force() {
        let mut solver = Assigner::default();
        let mut seed = 7u64;
        let mut random = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 40) as f32 / (1u64 << 24) as f32
        };
        for case in 0..300 {
            let (rows, cols) = (1 + case % 5, 1 + (case / 5) % 6);
            let cost: Vec<f32> = (0..rows * cols).map(|_| random() * 10.0).collect();
            let pairs = solver.solve(&cost, rows, cols, 6.0).to_vec();
            let made: f64 =
                pairs.iter().enumerate().filter_map(|(r, c)| c.map(|c| f64::from(cost[r * cols + c]))).sum();
            let free = rows.min(cols) - pairs.iter().flatten().count();
            let mut columns: Vec<_> = pairs.iter().flatten().collect();
            columns.sort();
            columns.dedup();
            assert_eq!(columns.len() + free, rows.min(cols), "no column twice");
            let want = best(&cost, rows, cols, 6.0);
            assert!((made + 6.0 * free as f64 - want).abs() < 1e-4, "{rows}x{cols}: {made} + {free} free, not {want}");
        }
    }
}
