//! Hours of the week.
