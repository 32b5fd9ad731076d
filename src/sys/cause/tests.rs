//! Refusals on hosts that are not at hand, by their facts.
