//! Attacks, each as somebody would try it.

mod door;
