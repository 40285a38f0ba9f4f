use std::mem;
use std::ops::Deref;

/// A list that usually has at most one item, and then needs no allocation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Few<T> {
    One(T),
    /// Any other number.
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub(super) const fn none() -> Self {
        Self::Many(Vec::new())
    }

    pub(super) fn push(&mut self, item: T) {
        match self {
            Self::Many(items) if items.is_empty() => *self = Self::One(item),
            Self::Many(items) => items.push(item),
            Self::One(_) => {
                if let Self::One(first) = mem::replace(self, Self::none()) {
                    *self = Self::Many(vec![first, item]);
                }
            }
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Many(items.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let mut list = Few::none();
        assert!(list.is_empty());
        for count in 1..5 {
            list.push(count);
            assert!(list.iter().copied().eq(1..=count));
        }
        let collected: Few<i32> = (1..5).collect();
        assert_eq!(*collected, *list);
    }
}
