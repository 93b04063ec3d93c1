// Virtual try-on from an iOS app: a session, the notice, a photo, the wait, the picture. Foundation only.
import Foundation

struct Problem: Decodable, Error { let code: String; let title: String; let detail: String }
struct Session: Decodable { let token: String }
struct Notice: Decodable { let version: String; let text: String }
struct Config: Decodable { let available: Bool; let reason: String; let consent: Notice }
struct Picture: Decodable { let url: URL; let alt: String }
struct Failure: Decodable { let code: String; let detail: String; let retryable: Bool }
struct TryOn: Decodable { let id: String; let status: String; let progress: Double; let result: Picture?; let error: Failure? }

actor TryOnClient {
    private let base: URL  // https://shop.example.com/tryon/api/v1/ with the slash at the end
    private var token: String?  // keep it in the keychain

    init(base: URL, token: String? = nil) { self.base = base; self.token = token }

    /// What to draw for a product, and the notice the shopper must agree to before a photo is sent.
    func config(product: String) async throws -> Config {
        try await send("GET", "config/", query: [URLQueryItem(name: "product", value: product)]).0
    }

    /// Starts a preview and reports it until it is over. `key` is made once per tap: repeating a call is then harmless.
    func tryOn(product: String, jpeg: Data, consent: String, key: UUID = UUID(),
               onChange: @Sendable (TryOn) -> Void) async throws -> TryOn {
        if token == nil { token = (try await send("POST", "sessions/").0 as Session).token }
        let boundary = "tryon-\(UUID().uuidString)"
        var form = Data()
        for (name, value) in [("product", product), ("consent_version", consent)] {
            form += Data("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
        }
        form += Data("--\(boundary)\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"me.jpg\"\r\n".utf8)
        form += Data("Content-Type: image/jpeg\r\n\r\n".utf8) + jpeg + Data("\r\n--\(boundary)--\r\n".utf8)
        let headers = ["Content-Type": "multipart/form-data; boundary=\(boundary)", "Idempotency-Key": key.uuidString]
        var (row, pause): (TryOn, Int) = try await send("POST", "tryons/", body: form, headers: headers)
        while !["succeeded", "failed", "blocked", "canceled"].contains(row.status) {
            onChange(row)
            try await Task.sleep(nanoseconds: UInt64(pause) * 1_000_000_000)
            (row, pause) = try await send("GET", "tryons/\(row.id)/")
        }
        return row  // row.result!.url works for five minutes; show it with the label "AI-generated preview"
    }

    func delete(_ row: TryOn) async throws {
        _ = try await data("DELETE", "tryons/\(row.id)/")
    }

    private func send<T: Decodable>(_ method: String, _ path: String, query: [URLQueryItem] = [], body: Data? = nil,
                                    headers: [String: String] = [:]) async throws -> (T, Int) {
        let (data, response) = try await data(method, path, query: query, body: body, headers: headers)
        let pause = response.value(forHTTPHeaderField: "Retry-After").flatMap(Int.init) ?? 2
        return (try JSONDecoder().decode(T.self, from: data), pause)
    }

    private func data(_ method: String, _ path: String, query: [URLQueryItem] = [], body: Data? = nil,
                      headers: [String: String] = [:]) async throws -> (Data, HTTPURLResponse) {
        var parts = URLComponents(url: URL(string: path, relativeTo: base)!, resolvingAgainstBaseURL: true)!
        if !query.isEmpty { parts.queryItems = query }
        var request = URLRequest(url: parts.url!)
        request.httpMethod = method
        request.httpBody = body
        headers.forEach { request.setValue($1, forHTTPHeaderField: $0) }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = response as! HTTPURLResponse
        guard http.statusCode < 400 else { throw try JSONDecoder().decode(Problem.self, from: data) }
        return (data, http)
    }
}
