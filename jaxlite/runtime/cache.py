class Cache:
    def load(self, k):
        return None

    def store(self, k, p):
        pass

    def environment(self):
        return ""


cache = Cache()
