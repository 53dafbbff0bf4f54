#![allow(dead_code)]
mod support;
mod robot;
mod agent;
