//! ui/pictures
