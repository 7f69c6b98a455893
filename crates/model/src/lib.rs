//! The vocabulary and the merge: pure code that turns observations into one picture.
