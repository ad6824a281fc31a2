//! ui/widgets
