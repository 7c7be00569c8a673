package reasonrec;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.S3AUtils;
import org.apache.hadoop.fs.s3a.impl.PutObjectOptions;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;

/**
 * Delta's log on S3, safe for any number of writers on any number of machines. A commit is one conditional PUT
 * (`If-None-Match: *`), which the object store refuses when the version already exists. Delta's own S3 log store checks
 * first and then writes, and only coordinates writers within one JVM: when two drivers commit at once, one loses its
 * rows.
 *
 * libs.spark.log_store compiles this class at startup with Janino, which Spark ships for its own generated code.
 */
public class ConditionalPutLogStore extends HadoopFileSystemLogStore {
  private static final int EXISTS = 412;
  private static final int IN_FLIGHT = 409; // another writer's PUT of this key is still running: no winner yet
  private static final int TRIES = 8;

  public ConditionalPutLogStore(Configuration conf) {
    super(conf);
  }

  public void write(Path path, Iterator actions, Boolean overwrite, Configuration conf) throws IOException {
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      lines.write(((String) actions.next()).getBytes(StandardCharsets.UTF_8));
      lines.write('\n');
    }
    FileSystem files = path.getFileSystem(conf);
    if (!(files instanceof S3AFileSystem)) {
      throw new IOException(path + ": commits need S3AFileSystem, not " + files.getClass().getName());
    }
    if (overwrite.booleanValue()) {
      OutputStream stream = files.create(path, true);
      stream.write(lines.toByteArray());
      stream.close();
      return;
    }
    try {
      create((S3AFileSystem) files, path, lines.toByteArray());
    } catch (SdkException error) {
      throw S3AUtils.translateException("commit", path, error);
    }
  }

  private void create(S3AFileSystem files, Path path, byte[] body) throws IOException {
    S3Client client = files.getS3AInternals().getAmazonS3Client("Delta commit");
    String key = path.toUri().getPath().substring(1);
    // S3A builds the request, so it carries the encryption and access rights from conf.
    PutObjectRequest.Builder request = files.getRequestFactory()
        .newPutObjectRequestBuilder(key, PutObjectOptions.keepingDirs(), body.length, false);
    AwsRequestOverrideConfiguration existing = request.overrideConfiguration();
    AwsRequestOverrideConfiguration.Builder override =
        existing == null ? AwsRequestOverrideConfiguration.builder() : existing.toBuilder();
    override.putHeader("If-None-Match", "*");
    request.overrideConfiguration((AwsRequestOverrideConfiguration) override.build());
    PutObjectRequest put = (PutObjectRequest) request.build();
    for (int left = TRIES; ; left--) {
      try {
        client.putObject(put, RequestBody.fromBytes(body));
        return;
      } catch (AwsServiceException error) {
        if (error.statusCode() == EXISTS) {
          // The client retries a PUT whose response was lost, so the object may be this very commit.
          GetObjectRequest get = (GetObjectRequest) GetObjectRequest.builder().bucket(files.getBucket()).key(key).build();
          if (Arrays.equals(client.getObjectAsBytes(get).asByteArray(), body)) {
            return;
          }
          throw new FileAlreadyExistsException(path.toString());
        }
        if (error.statusCode() != IN_FLIGHT || left == 1) {
          throw error;
        }
        try {
          Thread.sleep(100L * (TRIES + 1 - left));
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
          throw error;
        }
      }
    }
  }

  public Boolean isPartialWriteVisible(Path path, Configuration conf) {
    return Boolean.FALSE;
  }
}
