/// Line drawings of 20 units; decorative, always beside words.
enum Icon {
    static let warning = draw("<path d=\"M10 3.2 17.6 16.4H2.4Z\"/><path d=\"M10 8.2v3.8\"/><path d=\"M10 14.2v.01\"/>")
    static let info = draw("<circle cx=\"10\" cy=\"10\" r=\"7.2\"/><path d=\"M10 9.4v4\"/><path d=\"M10 6.6v.01\"/>")
    static let person = draw("<circle cx=\"10\" cy=\"7\" r=\"3.2\"/><path d=\"M3.8 16.8c.9-3.1 3.3-4.6 6.2-4.6s5.3 1.5 6.2 4.6\"/>")
    static let check = draw("<path d=\"m4.5 10.6 3.6 3.6 7.4-8\"/>")
    static let chevron = draw("<path d=\"m7.6 4.6 5.2 5.4-5.2 5.4\"/>")
    static let plus = draw("<path d=\"M10 4v12M4 10h12\"/>")
    static let device = draw("<rect x=\"3.2\" y=\"3.8\" width=\"13.6\" height=\"9.4\" rx=\"1.6\"/><path d=\"M7 16.6h6\"/>")
    static let signedOut = draw("<circle cx=\"10\" cy=\"10\" r=\"7.2\"/><path d=\"m6.8 10.3 2.3 2.3 4.2-4.8\"/>")

    private static func draw(_ shapes: HTML) -> HTML {
        """
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.6" \
        stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">\(shapes)</svg>
        """
    }
}
