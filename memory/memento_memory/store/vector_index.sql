-- The coarse vector index, made when the first embedding model is bound: :dimension is known only then.

CREATE VIRTUAL TABLE case_codes USING vec0 (namespace TEXT PARTITION KEY, code BIT[:dimension]);

CREATE TRIGGER code_of_new_vector AFTER INSERT ON case_vectors BEGIN
    INSERT INTO case_codes (rowid, namespace, code)
        VALUES (new.case_key, new.namespace, vec_quantize_binary(new.embedding));
    INSERT INTO vector_log (case_key) VALUES (new.case_key);
END;
CREATE TRIGGER code_of_removed_vector AFTER DELETE ON case_vectors BEGIN
    DELETE FROM case_codes WHERE rowid = old.case_key;
    INSERT INTO vector_log (case_key) VALUES (old.case_key);
END;
