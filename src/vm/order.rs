//! What the guest is told to do, and what it tells: the words that both sides of the channel know.
