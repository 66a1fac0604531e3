mod attacks;
mod phone;
mod sound;
mod talks;
