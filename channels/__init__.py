"""Ways in and out for residents: the web page and Telegram, both through one gate, and the push that speaks first."""
