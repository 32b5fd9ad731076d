//! Why a machine did not come up, by what it said last.
