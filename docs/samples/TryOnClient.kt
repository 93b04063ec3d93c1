// Virtual try-on from an Android app: a session, the notice, a photo, the wait, the picture. HttpURLConnection and org.json only.
import java.io.ByteArrayOutputStream
import java.net.HttpURLConnection
import java.net.URL
import java.net.URLEncoder
import java.util.UUID
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.json.JSONObject

/** `code` is for the app, `detail` for the shopper. */
class Problem(val code: String, val detail: String) : Exception(code)

/** `base` is like https://shop.example.com/tryon/api/v1/; keep `token` in encrypted preferences. */
class TryOnClient(private val base: String, var token: String? = null) {

    /** What to draw for a product, and under "consent" the notice the shopper must agree to before a photo is sent. */
    suspend fun config(product: String): JSONObject =
        send("GET", "config/?product=" + URLEncoder.encode(product, "UTF-8")).first

    /** Starts a preview and reports it until it is over. [key] is made once per tap: repeating a call is then harmless. */
    suspend fun tryOn(
        product: String, jpeg: ByteArray, consent: String, key: String = UUID.randomUUID().toString(),
        onChange: (JSONObject) -> Unit = {},
    ): JSONObject {
        if (token == null) token = send("POST", "sessions/").first.getString("token")
        val boundary = "tryon-" + UUID.randomUUID()
        val form = ByteArrayOutputStream()
        for ((name, value) in listOf("product" to product, "consent_version" to consent)) {
            form.write("--$boundary\r\nContent-Disposition: form-data; name=\"$name\"\r\n\r\n$value\r\n".toByteArray())
        }
        form.write("--$boundary\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"me.jpg\"\r\n".toByteArray())
        form.write("Content-Type: image/jpeg\r\n\r\n".toByteArray())
        form.write(jpeg)
        form.write("\r\n--$boundary--\r\n".toByteArray())
        val headers = mapOf("Content-Type" to "multipart/form-data; boundary=$boundary", "Idempotency-Key" to key)
        var (row, pause) = send("POST", "tryons/", form.toByteArray(), headers)
        while (row.getString("status") !in setOf("succeeded", "failed", "blocked", "canceled")) {
            onChange(row)
            delay(pause * 1000L)
            val next = send("GET", "tryons/${row.getString("id")}/")
            row = next.first
            pause = next.second
        }
        return row // result.url works for five minutes; show it with the label "AI-generated preview"
    }

    suspend fun delete(row: JSONObject) { send("DELETE", "tryons/${row.getString("id")}/") }

    private suspend fun send(
        method: String, path: String, body: ByteArray? = null, headers: Map<String, String> = emptyMap(),
    ): Pair<JSONObject, Int> = withContext(Dispatchers.IO) {
        val connection = URL(base + path).openConnection() as HttpURLConnection
        try {
            connection.requestMethod = method
            headers.forEach { (name, value) -> connection.setRequestProperty(name, value) }
            token?.let { connection.setRequestProperty("Authorization", "Bearer $it") }
            if (method == "POST") {
                connection.doOutput = true
                connection.outputStream.use { it.write(body ?: ByteArray(0)) }
            }
            val failed = connection.responseCode >= 400
            val stream = if (failed) connection.errorStream else connection.inputStream
            val text = stream?.bufferedReader()?.use { it.readText() }.orEmpty()
            val answer = JSONObject(text.ifEmpty { "{}" })
            if (failed) throw Problem(answer.optString("code"), answer.optString("detail"))
            answer to connection.getHeaderFieldInt("Retry-After", 2)
        } finally {
            connection.disconnect()
        }
    }
}
