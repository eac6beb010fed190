//! Covering arrays: few rows that contain every combination of `t` levels that the constraints allow.
//!
//! A [`Space`] comes in, rows go out; the same space always gives the same rows. The strategy is in-parameter-order of
//! Y. Lei, R. Kacker, D. R. Kuhn, V. Okun and J. Lawrence, "IPOG: A General Strategy for T-Way Software Testing" (ECBS
//! 2007): factors are added one after another, each first to the existing rows, then in new rows for the combinations
//! that are still missing. Constraints are handled as in L. Yu et al. (ICST 2013): a partial row is kept only if it can
//! be completed. We wrote it ourselves because we found no crate that supports constraints and more than pairs.

#![expect(
    clippy::indexing_slicing,
    reason = "every index is a factor, or a level of one, of a space that was made here; nothing comes from outside"
)]

/// A level for each factor.
pub type CoveringRow = Vec<usize>;

/// A combination: factors in ascending order, each with a level.
pub type Tuple = Vec<(usize, usize)>;

/// A set of levels of one factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels(u64);

/// Factors with their numbers of levels, and forbidden combinations.
#[derive(Debug, Clone)]
pub struct Space {
    sizes: Vec<usize>,
    /// A row must not have a level of each set at once.
    forbidden: Vec<Vec<(usize, Levels)>>,
    /// For each factor, the indices of the constraints that mention it.
    about: Vec<Vec<usize>>,
}

type Partial = Vec<Option<usize>>;

/// Rows that contain every wanted combination of `strength` levels, those nearest to all-zero first.
///
/// A factor that no combination needs is at the lowest level that the constraints allow.
pub fn cover(space: &Space, strength: usize, wanted: impl Fn(&[(usize, usize)]) -> bool) -> Vec<CoveringRow> {
    let strength = strength.clamp(1, space.sizes.len().max(1));
    let mut order: Vec<usize> = (0..space.sizes.len()).collect();
    order.sort_by_key(|factor| usize::MAX - space.sizes[*factor]);
    let mut rows: Vec<Partial> = Vec::new();
    for at in strength - 1..order.len() {
        let factor = order[at];
        let mut missing = Missing::of(space, &order[..at], factor, strength, &wanted);
        for row in &mut rows {
            widen(space, row, factor, &mut missing);
        }
        for tuple in missing.tuples() {
            if missing.is_open(&tuple) {
                place(space, &mut rows, &tuple, &mut missing);
            }
        }
    }
    let mut rows: Vec<CoveringRow> = rows.iter().filter_map(|row| space.complete(row)).collect();
    rows.sort_by_cached_key(|row| (row.iter().filter(|level| **level > 0).count(), row.clone()));
    rows.dedup();
    rows
}

/// Gives a row the level of a new factor that covers most, or no level if none covers anything, so that the place stays
/// free.
fn widen(space: &Space, row: &mut Partial, factor: usize, missing: &mut Missing) {
    let mut best = (0, None);
    for level in 0..space.sizes[factor] {
        row[factor] = Some(level);
        let gain = missing.gain(row);
        if gain > best.0 && space.complete(row).is_some() {
            best = (gain, Some(level));
        }
    }
    row[factor] = best.1;
    missing.strike(row);
}

/// Puts a combination into the first row that has room for it, or into a new row.
fn place(space: &Space, rows: &mut Vec<Partial>, tuple: &Tuple, missing: &mut Missing) {
    for row in rows.iter_mut() {
        let has_room = tuple
            .iter()
            .all(|(factor, level)| row[*factor].is_none_or(|there| there == *level));
        if !has_room {
            continue;
        }
        let mut filled = row.clone();
        for (factor, level) in tuple {
            filled[*factor] = Some(*level);
        }
        if space.complete(&filled).is_some() {
            *row = filled;
            missing.strike(row);
            return;
        }
    }
    let row = space.partial(tuple);
    missing.strike(&row);
    rows.push(row);
}

impl Levels {
    /// The set of these levels.
    pub fn of(levels: impl IntoIterator<Item = usize>) -> Self {
        Levels(levels.into_iter().fold(0, |set, level| set | bit(level)))
    }

    /// Whether the set contains a level.
    pub fn contains(self, level: usize) -> bool {
        self.0 & bit(level) != 0
    }
}

fn bit(level: usize) -> u64 {
    u32::try_from(level)
        .ok()
        .and_then(|level| 1_u64.checked_shl(level))
        .unwrap_or(0)
}

impl Space {
    /// Factors with these numbers of levels, at most 64 each, and no constraints.
    pub fn new(sizes: Vec<usize>) -> Self {
        Space {
            about: vec![Vec::new(); sizes.len()],
            forbidden: Vec::new(),
            sizes,
        }
    }

    /// Forbids rows that have a level of each of these sets at once.
    pub fn forbid(&mut self, parts: Vec<(usize, Levels)>) {
        for (factor, _) in &parts {
            self.about[*factor].push(self.forbidden.len());
        }
        self.forbidden.push(parts);
    }

    /// How many levels each factor has.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// A row with this combination and otherwise the lowest levels possible; `None` if there is no such row.
    pub fn completion(&self, tuple: &[(usize, usize)]) -> Option<CoveringRow> {
        self.complete(&self.partial(tuple))
    }

    /// Every combination of `strength` levels that a row may have.
    pub fn tuples(&self, strength: usize) -> Vec<Tuple> {
        let mut tuples = Vec::new();
        for factors in choices(&(0..self.sizes.len()).collect::<Vec<_>>(), strength) {
            tuples.extend(products(&self.sizes, &factors));
        }
        tuples.retain(|tuple| self.completion(tuple).is_some());
        tuples
    }

    fn partial(&self, tuple: &[(usize, usize)]) -> Partial {
        let mut row = vec![None; self.sizes.len()];
        for (factor, level) in tuple {
            row[*factor] = Some(*level);
        }
        row
    }

    fn complete(&self, row: &Partial) -> Option<CoveringRow> {
        let fits = |row: &Partial| (0..row.len()).all(|factor| self.keeps(row, factor));
        let mut row = row.clone();
        (fits(&row) && self.fill(&mut row, 0)).then(|| row.into_iter().flatten().collect())
    }

    /// Fills the places from `factor` on, depth first, lowest level first.
    fn fill(&self, row: &mut Partial, factor: usize) -> bool {
        let Some(next) = (factor..row.len()).find(|next| row[*next].is_none()) else {
            return true;
        };
        for level in 0..self.sizes[next] {
            row[next] = Some(level);
            if self.keeps(row, next) && self.fill(row, next + 1) {
                return true;
            }
        }
        row[next] = None;
        false
    }

    /// Whether the filled places of a row keep all constraints about this factor.
    fn keeps(&self, row: &Partial, factor: usize) -> bool {
        self.about[factor].iter().all(|index| {
            let mut parts = self.forbidden[*index].iter();
            !parts.all(|(factor, levels)| row[*factor].is_some_and(|level| levels.contains(level)))
        })
    }
}

/// The combinations with a new factor that no row contains yet.
struct Missing {
    groups: Vec<Group>,
}

/// The combinations of the same factors.
struct Group {
    factors: Vec<usize>,
    sizes: Vec<usize>,
    /// Whether each combination is missing, the last factor varying fastest.
    open: Vec<bool>,
}

impl Missing {
    fn of(
        space: &Space,
        earlier: &[usize],
        factor: usize,
        strength: usize,
        wanted: &impl Fn(&[(usize, usize)]) -> bool,
    ) -> Self {
        let groups = choices(earlier, strength - 1).into_iter().map(|mut factors| {
            factors.push(factor);
            factors.sort_unstable();
            let open = products(&space.sizes, &factors)
                .map(|tuple| wanted(&tuple) && space.completion(&tuple).is_some())
                .collect();
            let sizes = factors.iter().map(|factor| space.sizes[*factor]).collect();
            Group { factors, sizes, open }
        });
        Missing {
            groups: groups.collect(),
        }
    }

    fn tuples(&self) -> Vec<Tuple> {
        let open = |group: &Group| {
            let sizes = group.sizes.clone();
            let factors = group.factors.clone();
            let open = group.open.clone();
            levels_of(sizes)
                .zip(open)
                .filter(|(_, open)| *open)
                .map(move |(levels, _)| factors.iter().copied().zip(levels).collect())
                .collect::<Vec<Tuple>>()
        };
        self.groups.iter().flat_map(open).collect()
    }

    fn is_open(&self, tuple: &Tuple) -> bool {
        self.groups.iter().any(|group| {
            group.factors.iter().eq(tuple.iter().map(|(factor, _)| factor))
                && group.open[group.index(|at| Some(tuple[at].1)).unwrap_or_default()]
        })
    }

    /// How many of the missing combinations a row contains.
    fn gain(&self, row: &Partial) -> usize {
        self.groups
            .iter()
            .filter(|group| group.of(row).is_some_and(|index| group.open[index]))
            .count()
    }

    /// Removes the combinations that a row contains.
    fn strike(&mut self, row: &Partial) {
        for group in &mut self.groups {
            if let Some(index) = group.of(row) {
                group.open[index] = false;
            }
        }
    }
}

impl Group {
    fn of(&self, row: &Partial) -> Option<usize> {
        self.index(|at| row[self.factors[at]])
    }

    fn index(&self, level: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let mut index = 0;
        for (at, size) in self.sizes.iter().enumerate() {
            index = index * size + level(at)?;
        }
        Some(index)
    }
}

/// Every selection of `count` of these, in order.
pub fn choices<T: Clone>(of: &[T], count: usize) -> Vec<Vec<T>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in of.iter().enumerate() {
        for mut rest in choices(&of[at + 1..], count - 1) {
            rest.insert(0, first.clone());
            all.push(rest);
        }
    }
    all
}

/// Every combination of levels of these factors, the last factor varying fastest.
fn products<'a>(sizes: &[usize], factors: &'a [usize]) -> impl Iterator<Item = Tuple> + use<'a> {
    let sizes = factors.iter().map(|factor| sizes[*factor]).collect();
    levels_of(sizes).map(|levels| factors.iter().copied().zip(levels).collect())
}

/// Every list of levels for these sizes, the last one varying fastest.
fn levels_of(sizes: Vec<usize>) -> impl Iterator<Item = Vec<usize>> {
    let total: usize = sizes.iter().product();
    (0..total).map(move |mut index| {
        let mut levels: Vec<usize> = sizes
            .iter()
            .rev()
            .map(|size| {
                let level = index % size;
                index /= size;
                level
            })
            .collect();
        levels.reverse();
        levels
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(space: &Space, strength: usize) -> Vec<CoveringRow> {
        cover(space, strength, |_| true)
    }

    fn has(row: &CoveringRow, tuple: &Tuple) -> bool {
        tuple.iter().all(|(factor, level)| row[*factor] == *level)
    }

    fn shape(sizes: &[(usize, usize)]) -> Space {
        Space::new(
            sizes
                .iter()
                .flat_map(|(size, count)| vec![*size; *count])
                .collect(),
        )
    }

    /// A space with constraints between factors, one of them between three, and with one level that is forbidden
    /// altogether.
    fn tangled() -> Space {
        let mut space = shape(&[(3, 4), (2, 3), (5, 1)]);
        space.forbid(vec![(0, Levels::of([1, 2])), (1, Levels::of([0]))]);
        space.forbid(vec![(1, Levels::of([1])), (4, Levels::of([1]))]);
        space.forbid(vec![
            (1, Levels::of([2])),
            (5, Levels::of([0])),
            (6, Levels::of([1])),
        ]);
        space.forbid(vec![(7, Levels::of([4]))]);
        space.forbid(vec![(2, Levels::of([0])), (3, Levels::of([0]))]);
        space
    }

    fn breaks_a_rule(space: &Space, row: &CoveringRow) -> bool {
        space
            .forbidden
            .iter()
            .any(|parts| parts.iter().all(|(factor, levels)| levels.contains(row[*factor])))
    }

    /// Every row of a space, by brute force.
    fn every_row(space: &Space) -> Vec<CoveringRow> {
        levels_of(space.sizes.clone())
            .filter(|row| !breaks_a_rule(space, row))
            .collect()
    }

    #[test]
    fn every_allowed_combination_is_in_a_row_and_no_row_breaks_a_rule() {
        let shapes = [
            shape(&[(3, 4)]),
            shape(&[(2, 10)]),
            shape(&[(10, 1), (7, 1), (3, 3), (2, 4)]),
            shape(&[(1, 3), (4, 2)]),
            tangled(),
        ];
        for space in &shapes {
            let possible = every_row(space);
            for strength in 1..=3 {
                let rows = all(space, strength);
                assert!(rows.iter().all(|row| !breaks_a_rule(space, row)), "{space:?}");
                let tuples = space.tuples(strength);
                for tuple in &tuples {
                    assert!(rows.iter().any(|row| has(row, tuple)), "{tuple:?} of {space:?}");
                }
                // The allowed combinations are exactly those that some row contains.
                let factors = choices(&(0..space.sizes.len()).collect::<Vec<_>>(), strength);
                let by_force = factors
                    .iter()
                    .flat_map(|factors| products(&space.sizes, factors))
                    .filter(|tuple| possible.iter().any(|row| has(row, tuple)));
                assert_eq!(by_force.collect::<Vec<_>>(), tuples);
            }
        }
    }

    #[test]
    fn a_space_without_a_row_has_no_rows() {
        let mut space = shape(&[(2, 2)]);
        space.forbid(vec![(0, Levels::of([0, 1]))]);
        assert_eq!(all(&space, 2), Vec::<CoveringRow>::new());
        assert_eq!(all(&Space::new(Vec::new()), 2), Vec::<CoveringRow>::new());
    }

    #[test]
    fn the_rows_are_the_same_every_time_and_the_plainest_come_first() {
        let rows = all(&tangled(), 2);
        assert_eq!(rows, all(&tangled(), 2));
        let far: Vec<usize> = rows
            .iter()
            .map(|row| row.iter().filter(|level| **level > 0).count())
            .collect();
        assert!(far.is_sorted(), "{far:?}");
        let mut unique = rows.clone();
        unique.dedup();
        assert_eq!(unique, rows);
    }

    #[test]
    fn arrays_are_not_much_larger_than_the_best_that_are_known() {
        // The smallest sizes known, from the tables of covering arrays of NIST and C. Colbourn.
        let table = [
            (shape(&[(3, 4)]), 2, 9),
            (shape(&[(3, 13)]), 2, 15),
            (shape(&[(2, 10)]), 2, 6),
            (shape(&[(4, 10)]), 2, 24),
            (shape(&[(2, 10)]), 3, 12),
            (shape(&[(3, 6)]), 3, 33),
        ];
        for (space, strength, best) in table {
            let size = all(&space, strength).len();
            assert!(size >= best, "{size} rows are too few for {space:?}");
            assert!(
                size * 2 <= best * 3 + 8,
                "{size} rows where {best} are possible: {space:?}"
            );
        }
    }

    #[test]
    fn only_what_is_wanted_is_covered_and_all_else_is_plain() {
        let space = shape(&[(3, 5)]);
        let rows = cover(&space, 2, |tuple| tuple == [(1, 2), (3, 1)]);
        assert_eq!(rows, [[0, 2, 0, 1, 0]]);
    }
}
