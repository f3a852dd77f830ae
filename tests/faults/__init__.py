"""What happens when the wire, the server or the process fails in the middle."""
