//! Finding bytes and checking classes, a vector at a time.
