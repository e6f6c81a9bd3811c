"""What lies between sockets and the application."""
