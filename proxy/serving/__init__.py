"""The HTTP server: uvicorn within limits, its connections, and the processes that it runs in."""
