"""What pages are built of: plain HTML elements with classes of ours, and a few that the browser draws itself (*.js)."""
