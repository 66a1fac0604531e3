mod attacks;
mod baresip;
mod phone;
mod sound;
mod talks;
