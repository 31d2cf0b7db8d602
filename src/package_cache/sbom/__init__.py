"""`sbom`: a bill of materials, and one module for each format that it is written in."""
