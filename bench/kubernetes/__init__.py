"""The methods of a cache into a pod, measured with real containers, a real registry and real images."""
