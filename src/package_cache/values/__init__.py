"""What the project talks about: plain values that know their own syntax and touch nothing outside."""
