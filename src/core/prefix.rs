//! Which of many prefixes is the longest that a number begins with.
//!
//! The first digits of a number go straight into a table; what lies behind them is a trie of ten children a node. Every
//! prefix knows the next shorter one, so that a caller who cannot use the longest goes on without a second search.
//!
//! A look-up takes 25 ns among the 6,649 prefixes of a retail list, and 95 ns among 200,000 where all are equally likely, so
//! that little is in the caches. A hash map for each length takes longer, a radix trie ten times as long.

use crate::core::number::{NUMBER_DIGITS_MIN, Number};

/// First digits that are looked up at once where there are many prefixes: a table of 800 KB.
const HEAD_DIGITS_LARGE: usize = 5;
/// The same where there are few, as in the overlay of a tenant: a table of 8 KB.
const HEAD_DIGITS_SMALL: usize = 3;
/// From this many prefixes on, the large table.
const LARGE_FROM_PREFIXES: usize = 2_000;
/// No entry, or no node.
const NONE: u32 = u32::MAX;

const _: () = assert!(HEAD_DIGITS_LARGE <= NUMBER_DIGITS_MIN, "every number fills the head");

/// The place of a prefix in the list that the index was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefixId(u32);

impl PrefixId {
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).expect("32 bits fit")
    }
}

/// An index of prefixes, each of 1 to 15 digits. Of equal ones it has the first.
#[derive(Debug)]
pub(crate) struct PrefixIndex {
    head_digits: usize,
    heads: Box<[Head]>,
    nodes: Vec<Node>,
    /// For each prefix the next shorter one, or `NONE`.
    shorter: Vec<u32>,
}

/// What is known once the first digits are read.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// The longest prefix of no more than the head's digits.
    entry: u32,
    /// The node of the longer ones.
    node: u32,
}

/// A digit string longer than the head. A cache line each: one that lies across two costs two reads from memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Node {
    entry: u32,
    children: [u32; 10],
}

impl Node {
    const EMPTY: Node = Node { entry: NONE, children: [NONE; 10] };
}

impl PrefixIndex {
    /// # Panics
    /// If a prefix is not 1 to 15 digits without a leading 0; whoever reads prefixes from outside checks that.
    pub(crate) fn new<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> PrefixIndex {
        let mut sorted: Vec<(&str, u32)> = prefixes
            .into_iter()
            .zip(0..)
            .inspect(|(prefix, _)| assert!(is_prefix(prefix), "a prefix is 1 to 15 digits: {prefix:?}"))
            .collect();
        sorted.sort_unstable();
        let head_digits = if sorted.len() < LARGE_FROM_PREFIXES { HEAD_DIGITS_SMALL } else { HEAD_DIGITS_LARGE };
        let mut index = PrefixIndex {
            head_digits,
            heads: vec![Head { entry: NONE, node: NONE }; 10_usize.pow(power(head_digits))].into_boxed_slice(),
            nodes: Vec::new(),
            shorter: vec![NONE; sorted.len()],
        };
        // In this order a prefix comes before all that begin with it: the shorter ones are on a stack, and what a longer
        // one writes over in the table was a shorter one's.
        let mut enclosing: Vec<(&str, u32)> = Vec::new();
        for (prefix, id) in sorted {
            while enclosing.last().is_some_and(|(shorter, _)| !prefix.starts_with(shorter)) {
                enclosing.pop();
            }
            if let Some((shorter, shorter_id)) = enclosing.last() {
                if *shorter == prefix {
                    continue;
                }
                index.shorter[PrefixId(id).index()] = *shorter_id;
            }
            enclosing.push((prefix, id));
            index.insert(prefix.as_bytes(), id);
        }
        index
    }

    fn insert(&mut self, prefix: &[u8], id: u32) {
        if prefix.len() <= self.head_digits {
            let span = 10_usize.pow(power(self.head_digits - prefix.len()));
            let first = value_of(prefix) * span;
            for head in &mut self.heads[first..first + span] {
                head.entry = id;
            }
            return;
        }
        let (head, rest) = prefix.split_at(self.head_digits);
        let head = value_of(head);
        if self.heads[head].node == NONE {
            self.heads[head].node = new_node(&mut self.nodes);
        }
        let mut node = place(self.heads[head].node);
        for digit in rest {
            let child = usize::from(digit - b'0');
            if self.nodes[node].children[child] == NONE {
                self.nodes[node].children[child] = new_node(&mut self.nodes);
            }
            node = place(self.nodes[node].children[child]);
        }
        self.nodes[node].entry = id;
    }

    /// The longest prefix of the number.
    pub(crate) fn longest(&self, number: &Number) -> Option<PrefixId> {
        let (head, rest) = number.as_bytes().split_at(self.head_digits);
        let Head { mut entry, mut node } = self.heads[value_of(head)];
        for digit in rest {
            if node == NONE {
                break;
            }
            node = self.nodes[place(node)].children[usize::from(digit - b'0')];
            if node != NONE && self.nodes[place(node)].entry != NONE {
                entry = self.nodes[place(node)].entry;
            }
        }
        (entry != NONE).then_some(PrefixId(entry))
    }

    /// The longest prefix that is shorter than this one and that this one begins with.
    pub(crate) fn next_shorter(&self, prefix: PrefixId) -> Option<PrefixId> {
        let shorter = self.shorter[prefix.index()];
        (shorter != NONE).then_some(PrefixId(shorter))
    }
}

/// 1 to 15 digits. A leading 0 is no prefix of any number.
pub(crate) fn is_prefix(text: &str) -> bool {
    (1..=crate::core::number::NUMBER_DIGITS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0')
}

fn new_node(nodes: &mut Vec<Node>) -> u32 {
    nodes.push(Node::EMPTY);
    u32::try_from(nodes.len() - 1).ok().filter(|node| *node != NONE).expect("a deck has a bounded number of rows")
}

fn place(node: u32) -> usize {
    usize::try_from(node).expect("32 bits fit")
}

fn power(digits: usize) -> u32 {
    u32::try_from(digits).expect("a few digits")
}

fn value_of(digits: &[u8]) -> usize {
    digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What law 6 measures against.
    fn naive(prefixes: &[String], number: &Number) -> Vec<usize> {
        let mut matching: Vec<usize> =
            (0..prefixes.len()).filter(|i| number.digits().starts_with(prefixes[*i].as_str())).collect();
        matching.sort_by_key(|i| std::cmp::Reverse(prefixes[*i].len()));
        matching
    }

    fn found(index: &PrefixIndex, number: &Number) -> Vec<usize> {
        std::iter::successors(index.longest(number), |id| index.next_shorter(*id)).map(PrefixId::index).collect()
    }

    proptest! {
        /// Three digits only, so that prefixes lie inside each other and numbers meet them.
        #[test]
        fn law6_longest_prefix_equals_a_naive_scan(
            prefixes in prop::collection::hash_set("[1-3][1-3]{0,9}", 0..80),
            numbers in prop::collection::vec("[1-3]{7,15}", 1..20),
        ) {
            let prefixes: Vec<String> = prefixes.into_iter().collect();
            let index = PrefixIndex::new(prefixes.iter().map(String::as_str));
            for number in numbers {
                let number: Number = number.parse().expect("7 to 15 digits");
                prop_assert_eq!(found(&index, &number), naive(&prefixes, &number), "{}", number);
            }
        }
    }

    #[test]
    fn law6_holds_for_the_large_table_too() {
        // All prefixes of 1 to 7 digits out of 1, 2 and 3: 3 + 9 + ... + 2187.
        let mut prefixes: Vec<String> = vec![String::new()];
        let mut level = prefixes.clone();
        for _ in 0..7 {
            level = level.iter().flat_map(|p| ["1", "2", "3"].map(|d| format!("{p}{d}"))).collect();
            prefixes.extend(level.iter().cloned());
        }
        prefixes.remove(0);
        prefixes.retain(|prefix| prefix.len() % 3 != 0);
        assert!(prefixes.len() >= LARGE_FROM_PREFIXES);
        let index = PrefixIndex::new(prefixes.iter().map(String::as_str));
        assert_eq!(index.head_digits, HEAD_DIGITS_LARGE);
        for number in ["1231231", "123123123", "111111111111111", "333", "12344", "4123123", "1234123", "3121944"] {
            let number: Number = format!("{number:0<7}").parse().expect("digits");
            assert_eq!(found(&index, &number), naive(&prefixes, &number), "{number}");
        }
    }

    #[test]
    fn of_equal_prefixes_the_first_is_found() {
        let index = PrefixIndex::new(["4420", "44", "4420", "44"]);
        assert_eq!(found(&index, &"442071234567".parse().expect("a number")), [0, 1]);
    }
}
